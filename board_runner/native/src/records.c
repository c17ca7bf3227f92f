/* The tables of eat.img as a program, each entry checked when it is taken. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "image.h"

enum { MAX_STEPS = 4096, MAX_NAME_BYTES = 1024, MAX_PORTS = 1024, MAX_NUMBERS = 1 << 20 };

/* Bytes of a record, and how many there may be; INFO, NAME and DATA hold none. */
static const struct {
    const char *tag;
    size_t bytes, most;
} table[SGS_SECTIONS] = {
    [SGS_VALU] = {"VALU", 64, 2 * MAX_STEPS}, [SGS_TENS] = {"TENS", 64, 4 * MAX_STEPS},
    [SGS_CODE] = {"CODE", 32, MAX_STEPS},     [SGS_LIST] = {"LIST", 8, MAX_NUMBERS},
    [SGS_PORT] = {"PORT", 16, MAX_PORTS},
};

static bool count_records(const struct sgs_image *image, enum sgs_section section, int *count,
                          struct sgs_failure *failure)
{
    size_t length = image->section[section].length;
    if (length % table[section].bytes)
        return sgs_fail(failure, "damaged image: section %s ends within a record", table[section].tag);
    if (length / table[section].bytes > table[section].most)
        return sgs_fail(failure, "section %s holds more than %zu records", table[section].tag, table[section].most);
    *count = (int)(length / table[section].bytes);
    return true;
}

static const uint8_t *record(const struct sgs_image *image, enum sgs_section section, int number)
{
    return image->section[section].bytes + table[section].bytes * (size_t)number;
}

static bool read_shape(struct sgs_shape *shape, int64_t *count, int axes, const uint8_t *sizes,
                       struct sgs_failure *failure)
{
    if (axes > SGS_MAX_AXES)
        return sgs_fail(failure, "damaged image: a tensor of %d axes", axes);
    memset(shape, 0, sizeof *shape);
    shape->axes = axes;
    for (int i = 0; i < axes; i++)
        shape->size[i] = sgs_u32(sizes + 4 * i);
    *count = sgs_elements(shape);
    return *count >= 0 || sgs_fail(failure, "damaged image: a shape out of bounds");
}

static bool read_name(const struct sgs_image *image, struct sgs_name *name, const uint8_t *p,
                      struct sgs_failure *failure)
{
    uint64_t first = sgs_u32(p), bytes = sgs_u32(p + 4);
    if (first + bytes > image->section[SGS_NAME].length || bytes > MAX_NAME_BYTES)
        return sgs_fail(failure, "damaged image: a name beyond NAME, or longer than %d bytes", MAX_NAME_BYTES);
    const uint8_t *text = image->section[SGS_NAME].bytes + first;
    if (!sgs_is_utf8(text, (size_t)bytes))
        return sgs_fail(failure, "damaged image: a name that is not UTF-8");
    name->text = (const char *)text;
    name->bytes = (uint32_t)bytes;
    return true;
}

static bool read_value(struct sgs_value *value, const uint8_t *p, struct sgs_failure *failure)
{
    uint8_t type = p[0];
    memcpy(&value->zero, p + 4, 4);
    memcpy(&value->scale, p + 8, 4);
    value->offset = sgs_u64(p + 16);
    bool known = type == SGS_FLOAT32 || type == SGS_UINT8 || type == SGS_INT16;
    double scale = (double)value->scale;
    if (!known || !(scale > 1e-37 && scale < 1e37) || value->zero < 0 || value->zero > (type == SGS_UINT8 ? 255 : 0))
        return sgs_fail(failure, "damaged image: a type, scale or zero point out of bounds");
    value->type = (enum sgs_type)type;
    return read_shape(&value->shape, &value->count, p[1], p + 24, failure);
}

/* Constants follow each other in DATA: none is stored once and unpacked many times. */
static bool read_tensor(const struct sgs_image *image, struct sgs_tensor *tensor, const uint8_t *p, uint64_t *end,
                        struct sgs_failure *failure)
{
    uint64_t offset = sgs_u64(p + 8), room = image->section[SGS_DATA].length;
    if (p[0] >= SGS_TYPES)
        return sgs_fail(failure, "damaged image: a tensor of type %d", p[0]);
    tensor->type = (enum sgs_type)p[0];
    if (!read_shape(&tensor->shape, &tensor->count, p[1], p + 16, failure))
        return false;
    if (offset < *end || offset % SGS_IMAGE_ALIGNMENT)
        return sgs_fail(failure, "damaged image: tensors that overlap, or are not aligned");
    uint64_t bytes = (uint64_t)tensor->count * sgs_type_bytes(tensor->type);
    if (offset > room || bytes > room - offset)
        return sgs_fail(failure, "damaged image: a tensor beyond its section");
    *end = offset + bytes;
    tensor->data = image->section[SGS_DATA].bytes + offset;
    return true;
}

static bool right_counts(const struct sgs_rule *rule, int inputs, int ints, int tensors)
{
    int spare = ints - rule->ints;
    bool counted = rule->lists ? spare >= 0 && spare % rule->lists == 0 : spare == 0;
    return counted && tensors == rule->tensors && (rule->inputs < 0 ? inputs > 0 : inputs == rule->inputs);
}

static bool read_indices(struct sgs_image *image, struct sgs_step *step, struct sgs_failure *failure)
{
    struct sgs_program *program = &image->program;
    for (int i = 0; i < step->inputs; i++)
        if (step->input[i] < 0 || step->input[i] >= program->values)
            return sgs_fail(failure, "damaged image: a value that is not there");
    if (step->output >= (uint32_t)program->values)
        return sgs_fail(failure, "damaged image: a value that is not there");
    for (int i = 0; i < step->tensors; i++) {
        int64_t tensor = step->tensor[i];
        if (tensor < 0 || tensor >= program->tensors || program->tensor[tensor].used)
            return sgs_fail(failure, "damaged image: a tensor that is not there, or is used twice");
        program->tensor[tensor].used = true;
    }
    return true;
}

static bool read_step(struct sgs_image *image, struct sgs_step *step, const uint8_t *p, uint64_t *next, int numbers,
                      struct sgs_failure *failure)
{
    unsigned op = sgs_u16(p);
    if (op == 0 || op >= SGS_OPS)
        return sgs_fail_hint(failure, "bring the runner to the converter's version",
                             "instruction number %u, which the runner lacks", op);
    const struct sgs_rule *rule = sgs_rules + op;
    step->op = (enum sgs_op)op;
    step->inputs = sgs_u16(p + 2);
    step->ints = sgs_u16(p + 4);
    step->tensors = sgs_u16(p + 6);
    step->output = sgs_u32(p + 8);
    uint64_t end = *next + (uint64_t)step->inputs + (uint64_t)step->ints + (uint64_t)step->tensors;
    if (sgs_u32(p + 12) != *next || end > (uint64_t)numbers)
        return sgs_fail(failure, "damaged image: an instruction out of order in LIST, or beyond it");
    if (!right_counts(rule, step->inputs, step->ints, step->tensors))
        return sgs_fail(failure, "damaged image: %s with %d inputs, %d integers, %d constants", rule->name,
                        step->inputs, step->ints, step->tensors);
    const int64_t *list = (const int64_t *)(const void *)image->section[SGS_LIST].bytes;
    step->input = list + *next;
    step->number = step->input + step->inputs;
    step->tensor = step->number + step->ints;
    *next = end;
    return read_indices(image, step, failure) && read_name(image, &step->name, p + 16, failure);
}

static bool is_there(const struct sgs_port *ports, int count, const struct sgs_port *port)
{
    for (int i = 0; i < count; i++)
        if (ports[i].value == port->value || (ports[i].name.bytes == port->name.bytes &&
                                              memcmp(ports[i].name.text, port->name.text, port->name.bytes) == 0))
            return true;
    return false;
}

static bool read_port(struct sgs_image *image, const uint8_t *p, struct sgs_failure *failure)
{
    struct sgs_program *program = &image->program;
    struct sgs_port port = {.value = sgs_u32(p + 4)};
    uint32_t kind = sgs_u32(p);
    if (kind > 1)
        return sgs_fail(failure, "damaged image: a port that is neither input nor output");
    if (!read_name(image, &port.name, p + 8, failure))
        return false;
    if (port.value >= (uint32_t)program->values)
        return sgs_fail(failure, "damaged image: a value that is not there");
    struct sgs_port *ports = kind ? program->output : program->input;
    int *count = kind ? &program->outputs : &program->inputs;
    if (is_there(ports, *count, &port))
        return sgs_fail(failure, "damaged image: a port that is there twice");
    ports[(*count)++] = port;
    return true;
}

static void *zeroed(int count, size_t bytes)
{
    return calloc((size_t)(count ? count : 1), bytes);
}

static bool make_room(struct sgs_program *program, int ports, struct sgs_failure *failure)
{
    program->value = zeroed(program->values, sizeof *program->value);
    program->tensor = zeroed(program->tensors, sizeof *program->tensor);
    program->step = zeroed(program->steps, sizeof *program->step);
    program->input = zeroed(ports, sizeof *program->input);
    program->output = zeroed(ports, sizeof *program->output);
    bool have = program->value && program->tensor && program->step && program->input && program->output;
    return have || sgs_fail(failure, "no memory for the tables of the image");
}

bool sgs_read_program(struct sgs_image *image, struct sgs_failure *failure)
{
    struct sgs_program *program = &image->program;
    int numbers, ports;
    if (!count_records(image, SGS_VALU, &program->values, failure) ||
        !count_records(image, SGS_TENS, &program->tensors, failure) ||
        !count_records(image, SGS_CODE, &program->steps, failure) ||
        !count_records(image, SGS_LIST, &numbers, failure) || !count_records(image, SGS_PORT, &ports, failure) ||
        !make_room(program, ports, failure))
        return false;
    uint64_t end = 0, next = 0;
    for (int i = 0; i < program->tensors; i++)
        if (!read_tensor(image, program->tensor + i, record(image, SGS_TENS, i), &end, failure))
            return false;
    for (int i = 0; i < program->values; i++)
        if (!read_value(program->value + i, record(image, SGS_VALU, i), failure))
            return false;
    for (int i = 0; i < program->steps; i++)
        if (!read_step(image, program->step + i, record(image, SGS_CODE, i), &next, numbers, failure))
            return false;
    for (int i = 0; i < ports; i++)
        if (!read_port(image, record(image, SGS_PORT, i), failure))
            return false;
    if (!program->inputs || !program->outputs)
        return sgs_fail(failure, "damaged image: no inputs or no outputs");
    return true;
}

void sgs_program_free(struct sgs_program *program)
{
    free(program->value);
    free(program->tensor);
    free(program->step);
    free(program->input);
    free(program->output);
    memset(program, 0, sizeof *program);
}

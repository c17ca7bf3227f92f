/* Outputs as the vendor's simulator writes and counts them. */
#include "dump.h"

#include <errno.h>
#include <string.h>

#include "protocol.h"

enum { VALUES_A_LINE = 16 };

static void say_shape(const struct sgs_shape *shape)
{
    char text[SGS_MAX_AXES * 14 + 1] = "";
    size_t used = 0;
    for (int i = 0; i < shape->axes; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? ", " : "", (long long)shape->size[i]);
    sgs_say("    shape:\t[%s]", text);
}

static void say_tensor(const char *kind, int index, const struct sgs_port *port, const struct sgs_value *value)
{
    static const char *const name[SGS_TYPES] = {"FLOAT32", "UINT8", "INT8", "INT16", "INT32", "INT64"};
    sgs_say("%s(%d):", kind, index);
    sgs_say("    name:\t%.*s", (int)port->name.bytes, port->name.text);
    sgs_say("    dtype:\t%s", name[value->type]);
    say_shape(&value->shape);
    sgs_say("    size:\t%lld", (long long)value->count * (long long)sgs_type_bytes(value->type));
}

void sgs_say_model(const struct sgs_image *image)
{
    const struct sgs_program *program = &image->program;
    for (int i = 0; i < program->inputs; i++)
        say_tensor("Input", i, program->input + i, program->value + program->input[i].value);
    for (int i = 0; i < program->outputs; i++) {
        const struct sgs_value *value = program->value + program->output[i].value;
        say_tensor("Output", i, program->output + i, value);
        sgs_say("    quantization:\t(%g, %d)", (double)value->scale, (int)value->zero);
    }
}

uint32_t sgs_fingerprint(const struct sgs_engine *engine, const struct sgs_image *image)
{
    const struct sgs_program *program = &image->program;
    uint32_t word = 0;
    size_t k = 0;
    for (int i = 0; i < program->outputs; i++) {
        const uint8_t *bytes = sgs_engine_value(engine, (int)program->output[i].value);
        size_t count = (size_t)program->value[program->output[i].value].count * sizeof(int16_t);
        for (size_t at = 0; at < count; at++, k++)
            word ^= (uint32_t)bytes[at] << 8 * (k % 4);
    }
    return word;
}

static void write_output(FILE *file, const struct sgs_port *port, const struct sgs_value *value, const int16_t *levels)
{
    fprintf(file, "%.*s Tensor:\n{\ntensor dim:%d,\tOriginal shape:[", (int)port->name.bytes, port->name.text,
            value->shape.axes);
    for (int i = 0; i < value->shape.axes; i++)
        fprintf(file, "%lld ", (long long)value->shape.size[i]);
    fprintf(file, "]\ntensor data:\n");
    for (int64_t i = 0; i < value->count; i++) {
        float real = (float)levels[i] * value->scale;
        fprintf(file, "%s%.6f  ", i && i % VALUES_A_LINE == 0 ? "\n" : "", (double)real);
    }
    fprintf(file, "\n}\n\n");
}

static bool finish(FILE *file, const char *path, struct sgs_failure *failure)
{
    bool good = !ferror(file);
    good = fclose(file) == 0 && good;
    return good || sgs_fail(failure, "%s: cannot be written (%s)", path, strerror(errno));
}

bool sgs_write_outputs(const struct sgs_engine *engine, const struct sgs_image *image, const char *path,
                       struct sgs_failure *failure)
{
    const struct sgs_program *program = &image->program;
    FILE *file = fopen(path, "w");
    if (!file)
        return sgs_fail(failure, "%s: cannot be written (%s)", path, strerror(errno));
    for (int i = 0; i < program->outputs; i++) {
        const struct sgs_port *port = program->output + i;
        write_output(file, port, program->value + port->value, sgs_engine_value(engine, (int)port->value));
    }
    return finish(file, path, failure);
}

bool sgs_write_levels(const struct sgs_engine *engine, const struct sgs_image *image, int step, const char *folder,
                      struct sgs_failure *failure)
{
    char path[4096];
    int number = (int)image->program.step[step].output;
    const struct sgs_value *value = image->program.value + number;
    if (snprintf(path, sizeof path, "%s/%04d.bin", folder, step) >= (int)sizeof path)
        return sgs_fail(failure, "%s: a path that is too long", folder);
    FILE *file = fopen(path, "wb");
    if (!file)
        return sgs_fail(failure, "%s: cannot be written (%s)", path, strerror(errno));
    fwrite(sgs_engine_value(engine, number), sgs_type_bytes(value->type), (size_t)value->count, file);
    return finish(file, path, failure);
}

/* The integer program of an eat.img: values, constants, instructions, ports. `docs/formats.md` has the layout. */
#ifndef SGS_PROGRAM_H
#define SGS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define SGS_MAX_AXES 8
#define SGS_MAX_ELEMENTS (INT64_C(1) << 28)
#define SGS_NO_PLACE UINT64_MAX /* arena offset of a stored constant */

enum sgs_type { SGS_FLOAT32, SGS_UINT8, SGS_INT8, SGS_INT16, SGS_INT32, SGS_INT64, SGS_TYPES };

enum sgs_op {
    SGS_QUANTIZE = 1, SGS_NARROW, SGS_CONV8, SGS_CONV16, SGS_LINEAR, SGS_MATMUL, SGS_SCALE, SGS_LEAKY, SGS_ADD,
    SGS_CURVE, SGS_SOFTMAX, SGS_LAYERNORM, SGS_CONSTANT, SGS_PAD, SGS_RESHAPE, SGS_TRANSPOSE, SGS_TAKE, SGS_CONCAT,
    SGS_MUL, SGS_CLIP, SGS_SUM, SGS_MAX, SGS_SLICE, SGS_SQRT, SGS_DIVIDE, SGS_MAXPOOL, /* from version 3 on */
    SGS_OPS
};

struct sgs_shape {
    int axes;
    int64_t size[SGS_MAX_AXES];
};

struct sgs_name {
    const char *text; /* not ended by a zero byte */
    uint32_t bytes;
};

struct sgs_value {
    enum sgs_type type;
    struct sgs_shape shape;
    int64_t count; /* elements */
    int32_t zero;
    float scale;
    uint64_t offset;     /* in the arena */
    int32_t first, last; /* instructions between which it lives; set by the plan's check */
    int32_t owner;       /* the value whose place it has, -1 for a stored constant; likewise */
};

struct sgs_tensor {
    enum sgs_type type;
    struct sgs_shape shape;
    int64_t count;
    const void *data; /* in the file */
    bool used;
};

struct sgs_step {
    enum sgs_op op;
    int inputs, ints, tensors; /* counts */
    uint32_t output;
    const int64_t *input; /* indices of values; checked */
    const int64_t *number;
    const int64_t *tensor; /* indices of constants; checked */
    struct sgs_name name;
};

struct sgs_port {
    uint32_t value;
    struct sgs_name name;
};

struct sgs_program {
    struct sgs_value *value;
    struct sgs_tensor *tensor;
    struct sgs_step *step;
    struct sgs_port *input, *output;
    int values, tensors, steps, inputs, outputs;
};

/* What every instruction takes; the table of docs/formats.md. */
struct sgs_rule {
    const char *name;
    int inputs;          /* -1: one or more */
    int ints;            /* in all; with PER_AXIS those beside the lists */
    int lists;           /* lists of one integer an axis */
    int tensors;
    enum sgs_type source, result;
};

extern const struct sgs_rule sgs_rules[SGS_OPS];

size_t sgs_type_bytes(enum sgs_type type);
const char *sgs_type_name(enum sgs_type type);

/* Elements of a shape, or -1 where they are more than 2^28. */
int64_t sgs_elements(const struct sgs_shape *shape);
bool sgs_same_shape(const struct sgs_shape *a, const struct sgs_shape *b);

static inline const struct sgs_value *sgs_in(const struct sgs_program *program, const struct sgs_step *step, int i)
{
    return program->value + step->input[i];
}

static inline const struct sgs_value *sgs_out(const struct sgs_program *program, const struct sgs_step *step)
{
    return program->value + step->output;
}

static inline const struct sgs_tensor *sgs_constant(const struct sgs_program *program, const struct sgs_step *step,
                                                    int i)
{
    return program->tensor + step->tensor[i];
}

/* Size of the last axis; 1 for a shape without axes. */
static inline int64_t sgs_last(const struct sgs_shape *shape)
{
    return shape->axes ? shape->size[shape->axes - 1] : 1;
}

#endif

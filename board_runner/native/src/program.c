/* The instructions: types, and the constants each has. */
#include "program.h"

#include <string.h>

const struct sgs_rule sgs_rules[SGS_OPS] = {
    [SGS_QUANTIZE] = {"quantize", 1, 0, 0, 0, SGS_FLOAT32, SGS_INT16},
    [SGS_NARROW] = {"narrow", 1, 2, 0, 0, SGS_INT16, SGS_UINT8},
    [SGS_CONV8] = {"conv8", 1, 1, 4, 4, SGS_UINT8, SGS_INT16},
    [SGS_CONV16] = {"conv16", 1, 1, 4, 4, SGS_INT16, SGS_INT16},
    [SGS_LINEAR] = {"linear", 1, 0, 0, 4, SGS_INT16, SGS_INT16},
    [SGS_MATMUL] = {"matmul", 2, 2, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_SCALE] = {"scale", 1, 2, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_LEAKY] = {"leaky", 1, 4, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_ADD] = {"add", 2, 3, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_CURVE] = {"curve", 1, 0, 0, 1, SGS_INT16, SGS_INT16},
    [SGS_SOFTMAX] = {"softmax", 1, 0, 0, 2, SGS_INT16, SGS_INT16},
    [SGS_LAYERNORM] = {"layernorm", 1, 2, 0, 2, SGS_INT16, SGS_INT16},
    [SGS_CONSTANT] = {"constant", 0, 0, 0, 1, SGS_INT16, SGS_INT16},
    [SGS_PAD] = {"pad", 1, 1, 2, 0, SGS_INT16, SGS_INT16},
    [SGS_RESHAPE] = {"reshape", 1, 0, 1, 0, SGS_INT16, SGS_INT16},
    [SGS_TRANSPOSE] = {"transpose", 1, 0, 1, 0, SGS_INT16, SGS_INT16},
    [SGS_TAKE] = {"take", 1, 2, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_CONCAT] = {"concat", -1, 1, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_MUL] = {"mul", 2, 2, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_CLIP] = {"clip", 1, 5, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_SUM] = {"sum", 1, 2, 1, 0, SGS_INT16, SGS_INT16},
    [SGS_MAX] = {"max", 2, 0, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_SLICE] = {"slice", 1, 0, 3, 0, SGS_INT16, SGS_INT16},
    [SGS_SQRT] = {"sqrt", 1, 2, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_DIVIDE] = {"divide", 2, 2, 0, 0, SGS_INT16, SGS_INT16},
    [SGS_MAXPOOL] = {"maxpool", 1, 0, 5, 0, SGS_INT16, SGS_INT16},
};

size_t sgs_type_bytes(enum sgs_type type)
{
    static const unsigned char bytes[SGS_TYPES] = {4, 1, 1, 2, 4, 8};
    return bytes[type];
}

const char *sgs_type_name(enum sgs_type type)
{
    static const char *const name[SGS_TYPES] = {"float32", "uint8", "int8", "int16", "int32", "int64"};
    return name[type];
}

int64_t sgs_elements(const struct sgs_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->axes; i++)
        if (shape->size[i] == 0)
            return 0;
    for (int i = 0; i < shape->axes; i++) {
        if (shape->size[i] > SGS_MAX_ELEMENTS / count)
            return -1;
        count *= shape->size[i];
    }
    return count;
}

bool sgs_same_shape(const struct sgs_shape *a, const struct sgs_shape *b)
{
    return a->axes == b->axes && memcmp(a->size, b->size, sizeof a->size[0] * (size_t)a->axes) == 0;
}

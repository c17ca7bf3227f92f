/* The constants of instructions, checked against the bounds of docs/arithmetic.md. */
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "numbers.h"

#define FLOAT_LIMIT (INT64_C(1) << 53)
#define INT_LIMIT (INT64_C(1) << 62)
#define MAX_SOFTMAX (INT64_C(1) << 20)
#define MAX_NORM 1024
#define MAX_DIVISOR_SHIFT 45

static bool is_vector(const struct sgs_tensor *tensor, enum sgs_type type, int64_t count)
{
    return tensor->type == type && tensor->shape.axes == 1 && tensor->count == count;
}

static bool right_scale(int64_t multiplier, int64_t shift)
{
    return multiplier >= 0 && multiplier <= INT32_MAX && shift >= 1 && shift <= SGS_MAX_SHIFT;
}

/* scale and add take negative multipliers; which version of the format has them is looked at elsewhere. */
static bool right_signed_scale(int64_t multiplier, int64_t shift)
{
    return right_scale(multiplier < 0 && multiplier >= -INT32_MAX ? -multiplier : multiplier, shift);
}

static bool scale(const struct sgs_step *step, struct sgs_failure *failure)
{
    return right_signed_scale(step->number[0], step->number[1]) ||
           sgs_fail(failure, "a multiplier or shift out of bounds");
}

static bool pairs(const struct sgs_step *step, int count, struct sgs_failure *failure)
{
    for (int i = 0; i < count; i++)
        if (!right_scale(step->number[i], step->number[count + i]))
            return sgs_fail(failure, "a multiplier or shift out of bounds");
    return true;
}

static bool add(const struct sgs_step *step, struct sgs_failure *failure)
{
    int64_t m = step->number[SGS_ADD_FIRST], n = step->number[SGS_ADD_SECOND], s = step->number[SGS_ADD_SHIFT];
    if (!right_signed_scale(m, s) || !right_signed_scale(n, s))
        return sgs_fail(failure, "a multiplier or shift out of bounds");
    if (32768 * ((m < 0 ? -m : m) + (n < 0 ? -n : n)) + (INT64_C(1) << (s - 1)) >= FLOAT_LIMIT)
        return sgs_fail(failure, "an addition whose sums pass 2^53");
    return true;
}

/* The largest sum of abs(w) over a channel, or -1 where a weight is the most negative level. A channel's weights lie
 * `step` apart, `count` of them. */
static int64_t channel_sum(const struct sgs_tensor *weight, int64_t first, int64_t count, int64_t step)
{
    int64_t sum = 0;
    const int8_t *narrow = weight->data;
    const int16_t *wide = weight->data;
    for (int64_t i = 0; i < count; i++) {
        int w = weight->type == SGS_INT8 ? narrow[first + i * step] : wide[first + i * step];
        if (w == (weight->type == SGS_INT8 ? INT8_MIN : INT16_MIN))
            return -1;
        sum += w < 0 ? -w : w;
    }
    return sum;
}

/* conv8, conv16: a channel is the first axis. linear: the last. */
static bool channels(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    const struct sgs_tensor *weight = sgs_constant(program, step, SGS_WEIGHT);
    bool narrow = step->op == SGS_CONV8, last = step->op == SGS_LINEAR;
    const struct sgs_tensor *offset = sgs_constant(program, step, SGS_OFFSET);
    const struct sgs_tensor *multiplier = sgs_constant(program, step, SGS_MULTIPLIER);
    const struct sgs_tensor *shift = sgs_constant(program, step, SGS_SHIFT);
    int64_t count = weight->shape.size[last ? 1 : 0], inner = count ? weight->count / count : 0, largest = 0;
    if (weight->type != (narrow ? SGS_INT8 : SGS_INT16) || !is_vector(offset, SGS_INT64, count) ||
        !is_vector(multiplier, SGS_INT32, count) || !is_vector(shift, SGS_INT8, count))
        return sgs_fail(failure, "wants a weight, and an offset, multiplier and shift for every channel of it");
    for (int64_t i = 0; i < count && weight->count; i++) {
        int64_t sum = channel_sum(weight, last ? i : i * inner, inner, last ? count : 1);
        if (sum < 0)
            return sgs_fail(failure, "a weight below -%d", narrow ? 127 : 32767);
        largest = sum > largest ? sum : largest;
    }
    if (narrow ? 255 * largest >= INT64_C(1) << 31 : largest >= FLOAT_LIMIT >> 15)
        return sgs_fail(failure, "sums of products that pass 2^%d", narrow ? 31 : 53);
    int64_t bound = largest << (narrow ? 8 : 15);
    for (int64_t i = 0; i < count; i++) {
        int64_t m = ((const int32_t *)multiplier->data)[i], o = ((const int64_t *)offset->data)[i];
        if (!right_scale(m, ((const int8_t *)shift->data)[i]))
            return sgs_fail(failure, "a multiplier or shift out of bounds");
        if (o <= -INT_LIMIT || o >= INT_LIMIT || (m && bound > (INT_LIMIT - 1 - (o < 0 ? -o : o)) / m))
            return sgs_fail(failure, "a requantisation that passes 2^62");
    }
    return true;
}

static bool matmul(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    int64_t inner = sgs_last(&sgs_in(program, step, 0)->shape), m = step->number[0], s = step->number[1];
    if (!right_scale(m, s))
        return sgs_fail(failure, "a multiplier or shift out of bounds");
    if (inner >= INT64_C(1) << 23)
        return sgs_fail(failure, "a matrix product whose sums pass 2^53");
    if (m && inner << 30 > (INT_LIMIT - 1 - (INT64_C(1) << (s - 1))) / m)
        return sgs_fail(failure, "a requantisation that passes 2^62");
    return true;
}

static bool curve(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    const struct sgs_tensor *knots = sgs_constant(program, step, 0);
    if (!is_vector(knots, SGS_INT32, SGS_KNOTS))
        return sgs_fail(failure, "wants %d knots", SGS_KNOTS);
    for (int i = 0; i < SGS_KNOTS; i++) {
        int32_t knot = ((const int32_t *)knots->data)[i];
        if (knot <= -(1 << 24) || knot >= 1 << 24)
            return sgs_fail(failure, "a knot of a curve out of bounds");
    }
    return true;
}

static bool softmax(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    const struct sgs_shape *shape = &sgs_in(program, step, 0)->shape;
    for (int k = 0; k < 2; k++) {
        const struct sgs_tensor *table = sgs_constant(program, step, k);
        const int32_t *entry = table->data;
        if (!is_vector(table, SGS_INT32, 256))
            return sgs_fail(failure, "wants two tables of 256 entries");
        for (int i = 0; i < 256; i++)
            if (entry[i] < 0 || entry[i] > 1 << 30 || entry[0] != 1 << 30)
                return sgs_fail(failure, "a table of softmax out of bounds");
    }
    if (!shape->axes || sgs_last(shape) == 0 || sgs_last(shape) >= MAX_SOFTMAX)
        return sgs_fail(failure, "softmax over an axis that is empty or longer than 2^20");
    return true;
}

static bool layernorm(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    const struct sgs_shape *shape = &sgs_in(program, step, 0)->shape;
    int64_t count = shape->axes ? sgs_last(shape) : 0;
    if (count == 0 || count > MAX_NORM)
        return sgs_fail(failure, "layer normalisation over %lld elements, not 1 to %d", (long long)count, MAX_NORM);
    int64_t shift = step->number[SGS_NORM_SHIFT], epsilon = step->number[SGS_NORM_EPSILON];
    const struct sgs_tensor *gain = sgs_constant(program, step, SGS_NORM_GAIN);
    const struct sgs_tensor *offset = sgs_constant(program, step, SGS_NORM_OFFSET);
    bool sane = is_vector(gain, SGS_INT32, count) && is_vector(offset, SGS_INT64, count) && shift >= 1 && shift <= 60;
    for (int64_t i = 0; sane && i < count; i++) {
        int64_t g = ((const int32_t *)gain->data)[i], o = ((const int64_t *)offset->data)[i];
        sane = g >= -(1 << 30) && g <= 1 << 30 && o > -(INT64_C(1) << 61) && o < INT64_C(1) << 61;
    }
    if (!sane || epsilon < 1 || epsilon >= INT_LIMIT - (count * count * count << 30))
        return sgs_fail(failure, "constants of a layer normalisation out of bounds");
    return true;
}

static bool clip(const struct sgs_step *step, struct sgs_failure *failure)
{
    int64_t m = step->number[SGS_CLIP_MULTIPLIER], offset = step->number[SGS_CLIP_OFFSET];
    int64_t low = step->number[SGS_CLIP_LOW], high = step->number[SGS_CLIP_HIGH];
    if (!right_scale(m, step->number[SGS_CLIP_SHIFT]))
        return sgs_fail(failure, "a multiplier or shift out of bounds");
    if (offset < -INT_LIMIT || offset > INT_LIMIT || (m << 15) + (offset < 0 ? -offset : offset) >= INT_LIMIT ||
        low < INT16_MIN || high > INT16_MAX || low > high)
        return sgs_fail(failure, "limits of a clip out of bounds");
    return true;
}

static bool sum(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    const struct sgs_shape *x = &sgs_in(program, step, 0)->shape;
    int64_t m = step->number[SGS_SUM_MULTIPLIER], s = step->number[SGS_SUM_SHIFT], count = 1;
    if (!right_scale(m, s))
        return sgs_fail(failure, "a multiplier or shift out of bounds");
    for (int i = 0; i < x->axes && count; i++)
        if (step->number[SGS_SUM_FLAGS + i] && __builtin_mul_overflow(count, x->size[i], &count))
            count = 0;
    if (count < 1 || (m && count > ((INT_LIMIT - 1 - (INT64_C(1) << (s - 1))) >> 15) / m))
        return sgs_fail(failure, "a sum of no elements, or one that passes 2^62");
    return true;
}

static bool check_step(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    switch (step->op) {
    case SGS_NARROW:
    case SGS_MUL:
    case SGS_SQRT: return pairs(step, 1, failure);
    case SGS_SCALE: return scale(step, failure);
    case SGS_DIVIDE:
        return pairs(step, 1, failure) && (step->number[1] <= MAX_DIVISOR_SHIFT ||
                                           sgs_fail(failure, "a division with a shift above %d", MAX_DIVISOR_SHIFT));
    case SGS_CLIP: return clip(step, failure);
    case SGS_SUM: return sum(program, step, failure);
    case SGS_LEAKY: return pairs(step, 2, failure);
    case SGS_ADD: return add(step, failure);
    case SGS_CONV8:
    case SGS_CONV16:
    case SGS_LINEAR: return channels(program, step, failure);
    case SGS_MATMUL: return matmul(program, step, failure);
    case SGS_CURVE: return curve(program, step, failure);
    case SGS_SOFTMAX: return softmax(program, step, failure);
    case SGS_LAYERNORM: return layernorm(program, step, failure);
    case SGS_CONSTANT:
        return sgs_constant(program, step, 0)->type == SGS_INT16 || sgs_fail(failure, "wants int16 data");
    default: return true;
    }
}

bool sgs_check_constants(const struct sgs_program *program, struct sgs_failure *failure)
{
    for (int i = 0; i < program->steps; i++)
        if (!check_step(program, program->step + i, failure)) {
            char where[80];
            snprintf(where, sizeof where, "instruction %d (%s)", i, sgs_rules[program->step[i].op].name);
            return sgs_fail_in(failure, where);
        }
    return true;
}

/* The lowest version of the format that has all that an instruction uses. */
static uint32_t version_of(const struct sgs_step *step)
{
    bool planes = (step->op == SGS_CONV8 || step->op == SGS_CONV16) && step->ints > 5;
    bool negative = step->op == SGS_SCALE && step->number[0] < 0;
    if (step->op == SGS_ADD)
        negative = step->number[SGS_ADD_FIRST] < 0 || step->number[SGS_ADD_SECOND] < 0;
    return planes || negative || step->op >= SGS_MUL ? 3 : 2;
}

bool sgs_check_version(const struct sgs_image *image, struct sgs_failure *failure)
{
    for (int i = 0; i < image->program.steps; i++)
        if (version_of(image->program.step + i) > image->version)
            return sgs_fail(failure, "an image of version %u that uses what this version lacks",
                            (unsigned)image->version);
    return true;
}

/* Instructions that give each element from one or two others: quantize, narrow, scale, leaky, add, curve. */
#include "numbers.h"
#include "operators.h"
#include "requant.h"

enum { SHARE = 4096 };

static void run_quantize(const struct sgs_call *call)
{
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    call->setup->kernels->quantize((const float *)sgs_call_source(call, 0) + first,
                                   (int16_t *)sgs_call_target(call) + first, last - first, sgs_call_out(call)->scale);
}

static void run_narrow(const struct sgs_call *call)
{
    const int64_t *number = call->setup->step->number;
    struct sgs_level level = sgs_level_of(number[0], number[1]);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    call->setup->kernels->narrow((const int16_t *)sgs_call_source(call, 0) + first,
                                 (uint8_t *)sgs_call_target(call) + first, last - first, &level,
                                 sgs_call_out(call)->zero);
}

static void run_scale(const struct sgs_call *call)
{
    const int64_t *number = call->setup->step->number;
    struct sgs_level level = sgs_level_of(number[0], number[1]);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    call->setup->kernels->scale((const int16_t *)sgs_call_source(call, 0) + first,
                                (int16_t *)sgs_call_target(call) + first, last - first, &level);
}

static void run_leaky(const struct sgs_call *call)
{
    const int64_t *number = call->setup->step->number;
    struct sgs_level plus = sgs_level_of(number[SGS_LEAKY_PLUS], number[SGS_LEAKY_SHIFT_PLUS]);
    struct sgs_level minus = sgs_level_of(number[SGS_LEAKY_MINUS], number[SGS_LEAKY_SHIFT_MINUS]);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    call->setup->kernels->leaky((const int16_t *)sgs_call_source(call, 0) + first,
                                (int16_t *)sgs_call_target(call) + first, last - first, &plus, &minus);
}

/* Rows of the last axis; where one side is repeated along it, an element at a time. */
static void add_row(const struct sgs_kernels *kernels, const int16_t *a, const int16_t *b, int64_t a_step,
                    int64_t b_step, int16_t *y, int64_t n, const struct sgs_sum *sum)
{
    if (a_step && b_step) {
        kernels->add(a, b, y, n, sum);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        kernels->add(a + i * a_step, b + i * b_step, y + i, 1, sum);
}

static void run_add(const struct sgs_call *call)
{
    const int64_t *number = call->setup->step->number;
    struct sgs_sum sum = sgs_sum_of(number[SGS_ADD_FIRST], number[SGS_ADD_SECOND], number[SGS_ADD_SHIFT]);
    const struct sgs_value *out = sgs_call_out(call), *left = sgs_call_in(call, 0), *right = sgs_call_in(call, 1);
    const int16_t *a = sgs_call_source(call, 0), *b = sgs_call_source(call, 1);
    int16_t *y = sgs_call_target(call);
    int64_t first, last, a_step[SGS_MAX_AXES], b_step[SGS_MAX_AXES];
    if (left->count == out->count && right->count == out->count) {
        last = sgs_call_share(call, out->count, SHARE, &first);
        call->setup->kernels->add(a + first, b + first, y + first, last - first, &sum);
        return;
    }
    sgs_steps(&left->shape, &out->shape, a_step);
    sgs_steps(&right->shape, &out->shape, b_step);
    int64_t n = sgs_last(&out->shape);
    int axes = out->shape.axes;
    last = sgs_call_share(call, out->count / n, 1, &first);
    for (int64_t row = first; row < last; row++) {
        int64_t rest = row, a_at = 0, b_at = 0;
        for (int i = axes - 2; i >= 0; i--) {
            a_at += rest % out->shape.size[i] * a_step[i];
            b_at += rest % out->shape.size[i] * b_step[i];
            rest /= out->shape.size[i];
        }
        /* an axis of one element is not repeated, whatever its step says */
        int64_t a_last = n > 1 ? a_step[axes - 1] : 1, b_last = n > 1 ? b_step[axes - 1] : 1;
        add_row(call->setup->kernels, a + a_at, b + b_at, a_last, b_last, y + row * n, n, &sum);
    }
}

static void run_curve(const struct sgs_call *call)
{
    const int32_t *knot = sgs_constant(call->setup->program, call->setup->step, 0)->data;
    const int16_t *x = sgs_call_source(call, 0);
    int16_t *y = sgs_call_target(call);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    for (int64_t i = first; i < last; i++) {
        int32_t place = x[i] + 32768, part = place & 63;
        const int32_t *at = knot + (place >> 6);
        y[i] = sgs_sat16((at[0] * (64 - part) + at[1] * part + (1 << 13)) >> 14);
    }
}

const struct sgs_operator sgs_quantize = {NULL, NULL, run_quantize};
const struct sgs_operator sgs_narrow = {NULL, NULL, run_narrow};
const struct sgs_operator sgs_scale = {NULL, NULL, run_scale};
const struct sgs_operator sgs_leaky = {NULL, NULL, run_leaky};
const struct sgs_operator sgs_add = {NULL, NULL, run_add};
const struct sgs_operator sgs_curve = {NULL, NULL, run_curve};

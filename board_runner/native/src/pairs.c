/* Instructions that give each element from two others, of which one may be repeated: add, mul, max, divide. */
#include "numbers.h"
#include "operators.h"
#include "requant.h"

enum { SHARE = 4096 };

/* `n` elements of both sides, each its step apart: 1, or 0 where one is repeated. */
struct pair {
    const int16_t *a, *b;
    int64_t a_step, b_step;
    int16_t *y;
    int64_t n;
};

typedef void row_of(const struct sgs_setup *setup, const struct pair *pair);

static void add_row(const struct sgs_setup *setup, const struct pair *pair)
{
    const int64_t *number = setup->step->number;
    struct sgs_sum sum = sgs_sum_of(number[SGS_ADD_FIRST], number[SGS_ADD_SECOND], number[SGS_ADD_SHIFT]);
    if (pair->a_step && pair->b_step) {
        setup->kernels->add(pair->a, pair->b, pair->y, pair->n, &sum);
        return;
    }
    for (int64_t i = 0; i < pair->n; i++)
        setup->kernels->add(pair->a + i * pair->a_step, pair->b + i * pair->b_step, pair->y + i, 1, &sum);
}

static void mul_row(const struct sgs_setup *setup, const struct pair *pair)
{
    int64_t multiplier = setup->step->number[0];
    int shift = (int)setup->step->number[1];
    for (int64_t i = 0; i < pair->n; i++)
        pair->y[i] = sgs_sat16(
            sgs_rescaled((int32_t)pair->a[i * pair->a_step] * pair->b[i * pair->b_step], multiplier, shift));
}

static void max_row(const struct sgs_setup *setup, const struct pair *pair)
{
    (void)setup;
    for (int64_t i = 0; i < pair->n; i++) {
        int16_t a = pair->a[i * pair->a_step], b = pair->b[i * pair->b_step];
        pair->y[i] = a > b ? a : b;
    }
}

static void divide_row(const struct sgs_setup *setup, const struct pair *pair)
{
    int64_t multiplier = setup->step->number[0];
    int shift = (int)setup->step->number[1];
    for (int64_t i = 0; i < pair->n; i++) {
        int64_t a = pair->a[i * pair->a_step], b = pair->b[i * pair->b_step], d = b < 0 ? -b : b ? b : 1;
        int64_t n = (b < 0 ? -a : a) * multiplier;
        pair->y[i] = sgs_sat16(sgs_floor(2 * n + (d << shift), d << (shift + 1)));
    }
}

static void run_rows(const struct sgs_call *call, row_of *row_of)
{
    const struct sgs_value *out = sgs_call_out(call), *left = sgs_call_in(call, 0), *right = sgs_call_in(call, 1);
    const int16_t *a = sgs_call_source(call, 0), *b = sgs_call_source(call, 1);
    int16_t *y = sgs_call_target(call);
    int64_t first, last, a_step[SGS_MAX_AXES], b_step[SGS_MAX_AXES];
    if (left->count == out->count && right->count == out->count) {
        last = sgs_call_share(call, out->count, SHARE, &first);
        row_of(call->setup, &(struct pair){a + first, b + first, 1, 1, y + first, last - first});
        return;
    }
    sgs_steps(&left->shape, &out->shape, a_step);
    sgs_steps(&right->shape, &out->shape, b_step);
    int64_t n = sgs_last(&out->shape);
    int axes = out->shape.axes;
    /* an axis of one element is not repeated, whatever its step says */
    int64_t a_last = n > 1 ? a_step[axes - 1] : 1, b_last = n > 1 ? b_step[axes - 1] : 1;
    last = sgs_call_share(call, out->count / n, 1, &first);
    for (int64_t row = first; row < last; row++) {
        int64_t rest = row, a_at = 0, b_at = 0;
        for (int i = axes - 2; i >= 0; i--) {
            a_at += rest % out->shape.size[i] * a_step[i];
            b_at += rest % out->shape.size[i] * b_step[i];
            rest /= out->shape.size[i];
        }
        row_of(call->setup, &(struct pair){a + a_at, b + b_at, a_last, b_last, y + row * n, n});
    }
}

static void run_add(const struct sgs_call *call)
{
    run_rows(call, add_row);
}

static void run_mul(const struct sgs_call *call)
{
    run_rows(call, mul_row);
}

static void run_max(const struct sgs_call *call)
{
    run_rows(call, max_row);
}

static void run_divide(const struct sgs_call *call)
{
    run_rows(call, divide_row);
}

const struct sgs_operator sgs_add = {NULL, NULL, run_add};
const struct sgs_operator sgs_mul = {NULL, NULL, run_mul};
const struct sgs_operator sgs_max = {NULL, NULL, run_max};
const struct sgs_operator sgs_divide = {NULL, NULL, run_divide};

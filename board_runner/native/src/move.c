/* Instructions that move elements and change none: pad, transpose, take, concat, slice. */
#include <string.h>

#include "operators.h"

void sgs_steps(const struct sgs_shape *shape, const struct sgs_shape *wide, int64_t *step)
{
    int64_t size = 1;
    for (int i = 1; i <= wide->axes; i++) {
        int axis = shape->axes - i;
        step[wide->axes - i] = axis >= 0 && shape->size[axis] > 1 ? size : 0;
        if (axis >= 0)
            size *= shape->size[axis];
    }
}

/* Where padding takes an element from that is `at` places after the first, or -1 for a zero. */
static int64_t reflected(int64_t at, int64_t size, bool zeros)
{
    if (at >= 0 && at < size)
        return at;
    if (zeros)
        return -1;
    return at < 0 ? -at : 2 * (size - 1) - at;
}

static void pad_row(const int16_t *x, int64_t size, int64_t begin, int64_t end, bool zeros, int16_t *y)
{
    if (size)
        memcpy(y + begin, x, (size_t)(2 * size));
    for (int64_t i = 0; i < begin; i++)
        y[i] = zeros ? 0 : x[begin - i];
    for (int64_t i = 0; i < end; i++)
        y[begin + size + i] = zeros ? 0 : x[size - 2 - i];
}

static void run_pad(const struct sgs_call *call)
{
    const struct sgs_shape *from = &sgs_call_in(call, 0)->shape, *to = &sgs_call_out(call)->shape;
    const int64_t *begin = call->setup->step->number + 1;
    const int16_t *x = sgs_call_source(call, 0);
    int16_t *y = sgs_call_target(call);
    bool zeros = call->setup->step->number[0] == 0;
    int axes = to->axes;
    int64_t n = sgs_last(to), size = sgs_last(from), first, step[SGS_MAX_AXES];
    int64_t last = sgs_call_share(call, sgs_call_out(call)->count / n, 1, &first);
    sgs_steps(from, from, step);
    for (int64_t row = first; row < last; row++) {
        int64_t rest = row, at = 0;
        bool inside = true;
        for (int i = axes - 2; i >= 0; i--) {
            int64_t place = reflected(rest % to->size[i] - begin[i], from->size[i], zeros);
            rest /= to->size[i];
            inside = inside && place >= 0;
            at += place * step[i];
        }
        if (inside)
            pad_row(x + at, size, axes ? begin[axes - 1] : 0, axes ? begin[2 * axes - 1] : 0, zeros, y + row * n);
        else
            memset(y + row * n, 0, (size_t)(2 * n));
    }
}

/* Every element of the output, from the one at `at` on, each axis of it `moved` apart in the input. */
static void gather(const struct sgs_call *call, int64_t start, const int64_t *moved)
{
    const struct sgs_shape *to = &sgs_call_out(call)->shape;
    const int16_t *x = (const int16_t *)sgs_call_source(call, 0) + start;
    int16_t *y = sgs_call_target(call);
    int axes = to->axes;
    int64_t n = sgs_last(to), along = axes ? moved[axes - 1] : 0, first;
    int64_t last = sgs_call_share(call, sgs_call_out(call)->count / n, 1, &first);
    for (int64_t row = first; row < last; row++) {
        int64_t rest = row, at = 0;
        for (int i = axes - 2; i >= 0; i--) {
            at += rest % to->size[i] * moved[i];
            rest /= to->size[i];
        }
        for (int64_t i = 0; i < n; i++)
            y[row * n + i] = x[at + i * along];
    }
}

static void run_transpose(const struct sgs_call *call)
{
    const struct sgs_shape *from = &sgs_call_in(call, 0)->shape;
    int64_t step[SGS_MAX_AXES], moved[SGS_MAX_AXES] = {0};
    sgs_steps(from, from, step);
    for (int i = 0; i < from->axes; i++)
        moved[i] = step[call->setup->step->number[i]];
    gather(call, 0, moved);
}

static void run_slice(const struct sgs_call *call)
{
    const struct sgs_shape *from = &sgs_call_in(call, 0)->shape;
    const int64_t *begin = call->setup->step->number, *each = begin + 2 * from->axes;
    int64_t step[SGS_MAX_AXES], moved[SGS_MAX_AXES] = {0}, start = 0;
    sgs_steps(from, from, step);
    for (int i = 0; i < from->axes; i++) {
        start += begin[i] * step[i];
        moved[i] = sgs_call_out(call)->shape.size[i] > 1 ? each[i] * step[i] : 0; /* a step may be of any size */
    }
    gather(call, start, moved);
}

/* Elements of the axes from `first` on. */
static int64_t elements_from(const struct sgs_shape *shape, int first)
{
    int64_t count = 1;
    for (int i = first; i < shape->axes; i++)
        count *= shape->size[i];
    return count;
}

static void run_take(const struct sgs_call *call)
{
    const struct sgs_shape *from = &sgs_call_in(call, 0)->shape;
    int axis = (int)call->setup->step->number[0];
    int64_t inner = elements_from(from, axis + 1), block = inner * from->size[axis];
    const int16_t *x = (const int16_t *)sgs_call_source(call, 0) + call->setup->step->number[1] * inner;
    int16_t *y = sgs_call_target(call);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count / inner, 1, &first);
    for (int64_t i = first; i < last; i++)
        memcpy(y + i * inner, x + i * block, (size_t)(2 * inner));
}

static void run_concat(const struct sgs_call *call)
{
    const struct sgs_shape *to = &sgs_call_out(call)->shape;
    int axis = (int)call->setup->step->number[0];
    int64_t block = elements_from(to, axis), at = 0, first;
    int64_t last = sgs_call_share(call, sgs_call_out(call)->count / block, 1, &first);
    for (int k = 0; k < call->setup->step->inputs; k++) {
        int64_t part = elements_from(&sgs_call_in(call, k)->shape, axis);
        const int16_t *x = sgs_call_source(call, k);
        int16_t *y = (int16_t *)sgs_call_target(call) + at;
        for (int64_t i = first; i < last && part; i++)
            memcpy(y + i * block, x + i * part, (size_t)(2 * part));
        at += part;
    }
}

const struct sgs_operator sgs_pad = {NULL, NULL, run_pad};
const struct sgs_operator sgs_transpose = {NULL, NULL, run_transpose};
const struct sgs_operator sgs_slice = {NULL, NULL, run_slice};
const struct sgs_operator sgs_take = {NULL, NULL, run_take};
const struct sgs_operator sgs_concat = {NULL, NULL, run_concat};

/* Instructions that give each element from many of one value: sum over axes, maxpool over windows. */
#include "numbers.h"
#include "operators.h"
#include "requant.h"
#include "window.h"

/* The sum of the elements that lie on the flagged axes from `axis` on. */
static int64_t total(const int16_t *x, const struct sgs_shape *shape, const int64_t *flag, const int64_t *step, int axis)
{
    while (axis < shape->axes && !flag[axis])
        axis++;
    if (axis == shape->axes)
        return *x;
    int64_t sum = 0, n = shape->size[axis], each = step[axis];
    bool innermost = true;
    for (int i = axis + 1; i < shape->axes; i++)
        innermost = innermost && !flag[i];
    for (int64_t i = 0; i < n; i++)
        sum += innermost ? x[i * each] : total(x + i * each, shape, flag, step, axis + 1);
    return sum;
}

static void run_sum(const struct sgs_call *call)
{
    const int64_t *number = call->setup->step->number, *flag = number + SGS_SUM_FLAGS;
    const struct sgs_shape *from = &sgs_call_in(call, 0)->shape, *to = &sgs_call_out(call)->shape;
    const int16_t *x = sgs_call_source(call, 0);
    int16_t *y = sgs_call_target(call);
    int64_t first, step[SGS_MAX_AXES], last = sgs_call_share(call, sgs_call_out(call)->count, 1, &first);
    sgs_steps(from, from, step);
    for (int64_t place = first; place < last; place++) {
        int64_t rest = place, at = 0;
        for (int i = to->axes - 1; i >= 0; i--) {
            at += rest % to->size[i] * step[i];
            rest /= to->size[i];
        }
        int64_t sum = total(x + at, from, flag, step, 0);
        y[place] = sgs_sat16(sgs_rescaled(sum, number[SGS_SUM_MULTIPLIER], (int)number[SGS_SUM_SHIFT]));
    }
}

/* Taps of a window that begins at `first` and lie inside `size`: from *low up to the result. */
static int64_t taps_inside(const struct sgs_window *window, int axis, int64_t first, int64_t *low)
{
    int64_t each = window->dilation[axis], size = window->size[axis], taps = window->kernel[axis];
    int64_t begin = first < 0 ? (-first + each - 1) / each : 0, end = first < size ? (size - 1 - first) / each + 1 : 0;
    *low = begin < taps ? begin : taps;
    return end < taps ? end : taps;
}

static int16_t largest(const struct sgs_window *window, const int16_t *plane, int64_t row, int64_t column)
{
    int64_t top = row * window->stride[SGS_HIGH] - window->before[SGS_HIGH];
    int64_t left = column * window->stride[SGS_WIDE] - window->before[SGS_WIDE];
    int64_t i_low, j_low, i_end = taps_inside(window, SGS_HIGH, top, &i_low);
    int64_t j_end = taps_inside(window, SGS_WIDE, left, &j_low);
    int16_t most = INT16_MIN;
    for (int64_t i = i_low; i < i_end; i++)
        for (int64_t j = j_low; j < j_end; j++) {
            int64_t at = (top + i * window->dilation[SGS_HIGH]) * window->size[SGS_WIDE];
            int16_t x = plane[at + left + j * window->dilation[SGS_WIDE]];
            most = x > most ? x : most;
        }
    return most;
}

static void run_maxpool(const struct sgs_call *call)
{
    struct sgs_window window = sgs_window_of(call->setup->program, call->setup->step);
    int64_t plane = window.size[SGS_HIGH] * window.size[SGS_WIDE], wide = window.places[SGS_WIDE];
    const int16_t *x = sgs_call_source(call, 0);
    int16_t *y = sgs_call_target(call);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count / wide, 1, &first);
    for (int64_t line = first; line < last; line++) {
        int64_t channel = line / window.places[SGS_HIGH], row = line % window.places[SGS_HIGH];
        for (int64_t column = 0; column < wide; column++)
            y[line * wide + column] = largest(&window, x + channel * plane, row, column);
    }
}

const struct sgs_operator sgs_sum_over = {NULL, NULL, run_sum};
const struct sgs_operator sgs_maxpool = {NULL, NULL, run_maxpool};

/* Windows of convolutions and of maxpool: read, checked, counted. */
#include "window.h"

#include <string.h>

#include "numbers.h"

#define HUGE_NUMBER (INT64_C(1) << 40) /* no size, stride or padding of a real model comes near; sums stay in 64 bits */

/* The last axes of `from` into the last places of `to`. */
static void take(int64_t *to, const int64_t *from, int axes)
{
    memcpy(to + SGS_PLANE - axes, from, sizeof *to * (size_t)axes);
}

bool sgs_window_read(const struct sgs_program *program, const struct sgs_step *step, struct sgs_window *window,
                     struct sgs_failure *failure)
{
    bool pools = step->op == SGS_MAXPOOL;
    const struct sgs_shape *x = &sgs_in(program, step, 0)->shape;
    const struct sgs_shape *weight = pools ? NULL : &sgs_constant(program, step, SGS_WEIGHT)->shape;
    const int64_t *number = step->number;
    int axes = pools ? step->ints / 5 : (step->ints - 1) / 4;
    if (axes < 1 || axes > SGS_PLANE || x->axes != 2 + axes || x->size[0] != 1 || (weight && weight->axes != 2 + axes))
        return sgs_fail(failure, "needs one clip in one or two dimensions");
    for (int i = 0; i < step->ints; i++)
        if (number[i] > HUGE_NUMBER || number[i] < 0)
            return sgs_fail(failure, "needs strides and padding of a sane size");
    *window = (struct sgs_window){.axes = axes, .group = 1, .size = {1, 1}, .kernel = {1, 1}, .stride = {1, 1},
                                  .dilation = {1, 1}};
    take(window->size, x->size + 2, axes);
    take(window->kernel, pools ? number : weight->size + 2, axes);
    number += pools ? axes : 0;
    take(window->stride, number, axes);
    take(window->dilation, number + axes, axes);
    number += 2 * axes;
    if (!pools)
        window->group = *number++;
    take(window->before, number, axes);
    take(window->after, number + axes, axes);
    return true;
}

/* Where the padded input has P elements and the input E: P - E <= 3 E + 2^16. */
static bool sane_padding(const struct sgs_window *window, int64_t channels)
{
    int64_t inside = channels, padded = channels;
    for (int i = 0; i < SGS_PLANE; i++) {
        if (__builtin_mul_overflow(inside, window->size[i], &inside) ||
            __builtin_mul_overflow(padded, window->size[i] + window->before[i] + window->after[i], &padded))
            return false;
    }
    return padded - inside <= 3 * inside + 65536;
}

bool sgs_window_slide(struct sgs_window *window, int64_t channels, struct sgs_failure *failure)
{
    for (int i = 0; i < SGS_PLANE; i++) {
        int64_t reach;
        if (window->stride[i] < 1 || window->dilation[i] < 1 || window->kernel[i] < 1)
            return sgs_fail(failure, "needs positive strides");
        if (__builtin_mul_overflow(window->dilation[i], window->kernel[i] - 1, &reach) ||
            reach >= window->size[i] + window->before[i] + window->after[i])
            return sgs_fail(failure, "needs a window no longer than the input");
        window->places[i] =
            (window->size[i] + window->before[i] + window->after[i] - reach - 1) / window->stride[i] + 1;
    }
    return sane_padding(window, channels) || sgs_fail(failure, "needs padding of a sane size");
}

struct sgs_window sgs_window_of(const struct sgs_program *program, const struct sgs_step *step)
{
    struct sgs_window window;
    struct sgs_failure none;
    (void)(sgs_window_read(program, step, &window, &none) &&
           sgs_window_slide(&window, sgs_in(program, step, 0)->shape.size[1], &none));
    return window;
}

/* The shape and type that every instruction gives: each must be its output's. */
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "numbers.h"
#include "window.h"

enum { MAX_WINDOW = 4096 };

static bool need(bool condition, const char *what, struct sgs_failure *failure)
{
    return condition || sgs_fail(failure, "needs %s", what);
}

static bool conv(const struct sgs_program *program, const struct sgs_step *step, struct sgs_shape *y,
                 struct sgs_failure *failure)
{
    const struct sgs_shape *x = &sgs_in(program, step, 0)->shape, *weight = &sgs_constant(program, step, 0)->shape;
    struct sgs_window window;
    int64_t deep;
    if (!sgs_window_read(program, step, &window, failure) || !sgs_window_slide(&window, x->size[1], failure) ||
        !need(window.group > 0 && !__builtin_mul_overflow(weight->size[1], window.group, &deep) &&
                  x->size[1] == deep && weight->size[0] % window.group == 0,
              "matching channels", failure))
        return false;
    *y = *x;
    y->size[1] = weight->size[0];
    memcpy(y->size + 2, window.places + SGS_PLANE - window.axes, sizeof *y->size * (size_t)window.axes);
    return true;
}

static bool maxpool(const struct sgs_program *program, const struct sgs_step *step, struct sgs_shape *y,
                    struct sgs_failure *failure)
{
    struct sgs_window window;
    int64_t elements;
    *y = sgs_in(program, step, 0)->shape;
    if (!sgs_window_read(program, step, &window, failure) ||
        !need(!__builtin_mul_overflow(window.kernel[SGS_HIGH], window.kernel[SGS_WIDE], &elements) &&
                  elements <= MAX_WINDOW,
              "a window of at most 4096 elements", failure) ||
        !sgs_window_slide(&window, y->size[1], failure))
        return false;
    memcpy(y->size + 2, window.places + SGS_PLANE - window.axes, sizeof *y->size * (size_t)window.axes);
    return true;
}

static bool sum(const struct sgs_shape *x, const struct sgs_step *step, struct sgs_shape *y,
                struct sgs_failure *failure)
{
    const int64_t *flag = step->number + SGS_SUM_FLAGS;
    if (!need(step->ints - SGS_SUM_FLAGS == x->axes, "a flag for every axis", failure))
        return false;
    *y = *x;
    for (int i = 0; i < x->axes; i++) {
        if (!need(flag[i] == 0 || flag[i] == 1, "a flag for every axis", failure))
            return false;
        y->size[i] = flag[i] ? 1 : x->size[i];
    }
    return true;
}

static bool slice(const struct sgs_shape *x, const struct sgs_step *step, struct sgs_shape *y,
                  struct sgs_failure *failure)
{
    const int64_t *begin = step->number, *end = begin + x->axes, *each = end + x->axes;
    if (!need(step->ints == 3 * x->axes, "begins, ends and steps for every axis", failure))
        return false;
    *y = *x;
    for (int i = 0; i < x->axes; i++) {
        if (!need(begin[i] >= 0 && begin[i] <= end[i] && end[i] <= x->size[i] && each[i] > 0,
                  "a slice inside the axis", failure))
            return false;
        y->size[i] = (end[i] - begin[i]) / each[i] + ((end[i] - begin[i]) % each[i] != 0);
    }
    return true;
}

static bool broadcast(const struct sgs_shape *a, const struct sgs_shape *b, int a_axes, int b_axes,
                      struct sgs_shape *y, struct sgs_failure *failure)
{
    y->axes = a_axes > b_axes ? a_axes : b_axes;
    for (int i = 1; i <= y->axes; i++) {
        int64_t m = i <= a_axes ? a->size[a_axes - i] : 1, n = i <= b_axes ? b->size[b_axes - i] : 1;
        if (!need(m == n || m == 1 || n == 1, "shapes that broadcast", failure))
            return false;
        y->size[y->axes - i] = m == 1 ? n : m;
    }
    return true;
}

static bool matmul(const struct sgs_shape *a, const struct sgs_shape *b, struct sgs_shape *y,
                   struct sgs_failure *failure)
{
    if (!need(a->axes >= 2 && b->axes >= 2 && a->size[a->axes - 1] == b->size[b->axes - 2], "matching inner sizes",
              failure) ||
        !broadcast(a, b, a->axes - 2, b->axes - 2, y, failure))
        return false;
    y->size[y->axes++] = a->size[a->axes - 2];
    y->size[y->axes++] = b->size[b->axes - 1];
    return true;
}

static bool linear(const struct sgs_shape *x, const struct sgs_shape *weight, struct sgs_shape *y,
                   struct sgs_failure *failure)
{
    if (!need(x->axes >= 1 && weight->axes == 2 && x->size[x->axes - 1] == weight->size[0], "matching inner sizes",
              failure))
        return false;
    *y = *x;
    y->size[y->axes - 1] = weight->size[1];
    return true;
}

static bool pad(const struct sgs_shape *x, const struct sgs_step *step, struct sgs_shape *y,
                struct sgs_failure *failure)
{
    int64_t mode = step->number[0];
    const int64_t *begin = step->number + 1, *end = begin + x->axes;
    if (!need(step->ints == 1 + 2 * x->axes && (mode == 0 || mode == 1), "pads for every axis", failure))
        return false;
    *y = *x;
    for (int i = 0; i < x->axes; i++) {
        int64_t limit = mode == 1 ? x->size[i] : SGS_MAX_ELEMENTS;
        if (!need(begin[i] >= 0 && end[i] >= 0 && begin[i] < limit && end[i] < limit, "pads in reach", failure))
            return false;
        y->size[i] += begin[i] + end[i];
    }
    return true;
}

static bool reshape(const struct sgs_value *x, const struct sgs_step *step, struct sgs_shape *y,
                    struct sgs_failure *failure)
{
    y->axes = step->ints;
    if (!need(step->ints <= SGS_MAX_AXES, "a tensor of a sane size", failure))
        return false;
    for (int i = 0; i < y->axes; i++) {
        y->size[i] = step->number[i];
        if (!need(y->size[i] >= 0, "as many elements as before", failure))
            return false;
    }
    return need(sgs_elements(y) == x->count, "as many elements as before", failure);
}

static bool transpose(const struct sgs_shape *x, const struct sgs_step *step, struct sgs_shape *y,
                      struct sgs_failure *failure)
{
    unsigned seen = 0;
    if (!need(step->ints == x->axes, "a permutation", failure))
        return false;
    y->axes = x->axes;
    for (int i = 0; i < x->axes; i++) {
        int64_t axis = step->number[i];
        if (!need(axis >= 0 && axis < x->axes && !(seen >> axis & 1), "a permutation", failure))
            return false;
        seen |= 1u << axis;
        y->size[i] = x->size[axis];
    }
    return true;
}

static bool take(const struct sgs_shape *x, const struct sgs_step *step, struct sgs_shape *y,
                 struct sgs_failure *failure)
{
    int64_t axis = step->number[0], index = step->number[1];
    if (!need(axis >= 0 && axis < x->axes && index >= 0 && index < x->size[axis], "an index inside the axis", failure))
        return false;
    for (int i = 0; i < x->axes; i++)
        if (i != axis)
            y->size[y->axes++] = x->size[i];
    return true;
}

static bool concat(const struct sgs_program *program, const struct sgs_step *step, struct sgs_shape *y,
                   struct sgs_failure *failure)
{
    const struct sgs_shape *first = &sgs_in(program, step, 0)->shape;
    int64_t axis = step->number[0];
    if (!need(axis >= 0 && axis < first->axes, "an axis of the input", failure))
        return false;
    *y = *first;
    for (int k = 1; k < step->inputs; k++) {
        const struct sgs_shape *x = &sgs_in(program, step, k)->shape;
        bool same = x->axes == first->axes;
        for (int i = 0; same && i < x->axes; i++)
            same = i == axis || x->size[i] == first->size[i];
        if (!need(same, "equal other axes", failure))
            return false;
        y->size[axis] += x->size[axis];
    }
    return true;
}

static bool infer(const struct sgs_program *program, const struct sgs_step *step, struct sgs_shape *y,
                  struct sgs_failure *failure)
{
    const struct sgs_value *x = step->inputs ? sgs_in(program, step, 0) : NULL;
    const struct sgs_shape *weight = step->tensors ? &sgs_constant(program, step, 0)->shape : NULL;
    memset(y, 0, sizeof *y);
    switch (step->op) {
    case SGS_CONV8:
    case SGS_CONV16: return conv(program, step, y, failure);
    case SGS_MAXPOOL: return maxpool(program, step, y, failure);
    case SGS_SUM: return sum(&x->shape, step, y, failure);
    case SGS_SLICE: return slice(&x->shape, step, y, failure);
    case SGS_LINEAR: return linear(&x->shape, weight, y, failure);
    case SGS_MATMUL: return matmul(&x->shape, &sgs_in(program, step, 1)->shape, y, failure);
    case SGS_ADD:
    case SGS_MUL:
    case SGS_MAX:
    case SGS_DIVIDE: {
        const struct sgs_shape *b = &sgs_in(program, step, 1)->shape;
        return broadcast(&x->shape, b, x->shape.axes, b->axes, y, failure);
    }
    case SGS_CONSTANT: *y = *weight; return true;
    case SGS_PAD: return pad(&x->shape, step, y, failure);
    case SGS_RESHAPE: return reshape(x, step, y, failure);
    case SGS_TRANSPOSE: return transpose(&x->shape, step, y, failure);
    case SGS_TAKE: return take(&x->shape, step, y, failure);
    case SGS_CONCAT: return concat(program, step, y, failure);
    default: *y = x->shape; return true;
    }
}

static bool check_step(const struct sgs_program *program, const struct sgs_step *step, struct sgs_failure *failure)
{
    const struct sgs_rule *rule = sgs_rules + step->op;
    const struct sgs_value *output = sgs_out(program, step);
    struct sgs_shape shape;
    for (int i = 0; i < step->inputs; i++)
        if (sgs_in(program, step, i)->type != rule->source)
            return sgs_fail(failure, "needs %s inputs", sgs_type_name(rule->source));
    if (output->type != rule->result)
        return sgs_fail(failure, "needs %s as its output", sgs_type_name(rule->result));
    return infer(program, step, &shape, failure) &&
           need(sgs_elements(&shape) >= 0 && sgs_same_shape(&shape, &output->shape), "its own shape as its output",
                failure);
}

bool sgs_check_shapes(const struct sgs_program *program, struct sgs_failure *failure)
{
    for (int i = 0; i < program->steps; i++)
        if (!check_step(program, program->step + i, failure)) {
            char where[80];
            snprintf(where, sizeof where, "instruction %d (%s)", i, sgs_rules[program->step[i].op].name);
            return sgs_fail_in(failure, where);
        }
    for (int i = 0; i < program->outputs; i++)
        if (program->value[program->output[i].value].type != SGS_INT16)
            return sgs_fail(failure, "an output that is not int16");
    return true;
}

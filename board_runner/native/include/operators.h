/* One operator an instruction: what it needs, how it is prepared, and how a thread does its share. */
#ifndef SGS_OPERATORS_H
#define SGS_OPERATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "kernels.h"
#include "program.h"

struct sgs_setup {
    const struct sgs_program *program;
    const struct sgs_step *step;
    const struct sgs_kernels *kernels;
    int threads;
};

/* Bytes: `state` is made once and only read after that, `scratch` is there once a thread. */
struct sgs_need {
    uint64_t state, scratch;
};

struct sgs_call {
    const struct sgs_setup *setup;
    const void *state;
    void *scratch;       /* of this thread, at a multiple of 64 */
    void *const *place;  /* of every value */
    int thread;
};

struct sgs_operator {
    bool (*measure)(const struct sgs_setup *setup, struct sgs_need *need, struct sgs_failure *failure); /* or NULL */
    void (*prepare)(const struct sgs_setup *setup, void *state);                                        /* or NULL */
    void (*run)(const struct sgs_call *call); /* NULL: nothing to do, the output is where it belongs */
};

extern const struct sgs_operator sgs_conv, sgs_linear, sgs_matmul;
extern const struct sgs_operator sgs_quantize, sgs_narrow, sgs_scale, sgs_leaky, sgs_curve, sgs_clip, sgs_sqrt;
extern const struct sgs_operator sgs_add, sgs_mul, sgs_max, sgs_divide;
extern const struct sgs_operator sgs_sum_over, sgs_maxpool;
extern const struct sgs_operator sgs_softmax, sgs_layernorm;
extern const struct sgs_operator sgs_pad, sgs_transpose, sgs_slice, sgs_take, sgs_concat;

static inline const struct sgs_value *sgs_call_in(const struct sgs_call *call, int i)
{
    return sgs_in(call->setup->program, call->setup->step, i);
}

static inline const struct sgs_value *sgs_call_out(const struct sgs_call *call)
{
    return sgs_out(call->setup->program, call->setup->step);
}

static inline const void *sgs_call_source(const struct sgs_call *call, int i)
{
    return call->place[call->setup->step->input[i]];
}

static inline void *sgs_call_target(const struct sgs_call *call)
{
    return call->place[call->setup->step->output];
}

/* The share of `count` things that this thread does: from *first up to the result; shares are multiples of `unit`. */
static inline int64_t sgs_call_share(const struct sgs_call *call, int64_t count, int64_t unit, int64_t *first)
{
    int64_t units = (count + unit - 1) / unit, threads = call->setup->threads;
    int64_t begin = units * call->thread / threads * unit, end = units * (call->thread + 1) / threads * unit;
    *first = begin < count ? begin : count;
    return end < count ? end : count;
}

/* How far an element moves in a tensor of `shape` when axis i of `wide` (aligned at the last axis) grows by one; 0
 * where it is repeated. */
void sgs_steps(const struct sgs_shape *shape, const struct sgs_shape *wide, int64_t *step);

static inline int64_t sgs_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

#endif

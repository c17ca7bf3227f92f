/* softmax and layernorm: over the last axis, a row at a time. */
#include "numbers.h"
#include "operators.h"

static bool measure_softmax(const struct sgs_setup *setup, struct sgs_need *need, struct sgs_failure *failure)
{
    (void)failure;
    need->scratch = sizeof(int64_t) * (uint64_t)sgs_last(&sgs_in(setup->program, setup->step, 0)->shape);
    return true;
}

static void run_softmax(const struct sgs_call *call)
{
    const struct sgs_setup *setup = call->setup;
    const int32_t *high = sgs_constant(setup->program, setup->step, SGS_SOFTMAX_HIGH)->data;
    const int32_t *low = sgs_constant(setup->program, setup->step, SGS_SOFTMAX_LOW)->data;
    int64_t n = sgs_last(&sgs_call_out(call)->shape), first;
    int64_t last = sgs_call_share(call, sgs_call_out(call)->count / n, 1, &first);
    for (int64_t row = first; row < last; row++)
        setup->kernels->softmax((const int16_t *)sgs_call_source(call, 0) + row * n,
                                (int16_t *)sgs_call_target(call) + row * n, n, high, low, call->scratch);
}

static void run_layernorm(const struct sgs_call *call)
{
    const struct sgs_setup *setup = call->setup;
    const struct sgs_step *step = setup->step;
    const int32_t *gain = sgs_constant(setup->program, step, SGS_NORM_GAIN)->data;
    const int64_t *offset = sgs_constant(setup->program, step, SGS_NORM_OFFSET)->data;
    int64_t n = sgs_last(&sgs_call_out(call)->shape), first;
    int64_t last = sgs_call_share(call, sgs_call_out(call)->count / n, 1, &first);
    for (int64_t row = first; row < last; row++)
        setup->kernels->layernorm((const int16_t *)sgs_call_source(call, 0) + row * n,
                                  (int16_t *)sgs_call_target(call) + row * n, n, (int)step->number[SGS_NORM_SHIFT],
                                  step->number[SGS_NORM_EPSILON], gain, offset);
}

const struct sgs_operator sgs_softmax = {measure_softmax, NULL, run_softmax};
const struct sgs_operator sgs_layernorm = {NULL, NULL, run_layernorm};

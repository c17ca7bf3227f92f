/* Instructions that give each element from one other: quantize, narrow, scale, leaky, curve, clip, sqrt. */
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

static void run_clip(const struct sgs_call *call)
{
    const int64_t *number = call->setup->step->number;
    int64_t multiplier = number[SGS_CLIP_MULTIPLIER], offset = number[SGS_CLIP_OFFSET];
    int64_t low = number[SGS_CLIP_LOW], high = number[SGS_CLIP_HIGH];
    int shift = (int)number[SGS_CLIP_SHIFT];
    const int16_t *x = sgs_call_source(call, 0);
    int16_t *y = sgs_call_target(call);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    for (int64_t i = first; i < last; i++) {
        int64_t v = (x[i] * multiplier + offset) >> shift;
        y[i] = (int16_t)(v < low ? low : v > high ? high : v);
    }
}

static void run_sqrt(const struct sgs_call *call)
{
    int64_t multiplier = call->setup->step->number[0];
    int shift = (int)call->setup->step->number[1];
    const int16_t *x = sgs_call_source(call, 0);
    int16_t *y = sgs_call_target(call);
    int64_t first, last = sgs_call_share(call, sgs_call_out(call)->count, SHARE, &first);
    for (int64_t i = first; i < last; i++)
        y[i] = sgs_sat16((sgs_root(((x[i] > 0 ? x[i] : 0) * multiplier) >> shift) + 1) >> 1);
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
const struct sgs_operator sgs_clip = {NULL, NULL, run_clip};
const struct sgs_operator sgs_sqrt = {NULL, NULL, run_sqrt};
const struct sgs_operator sgs_curve = {NULL, NULL, run_curve};

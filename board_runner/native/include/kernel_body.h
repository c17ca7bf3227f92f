/* The loops that a compiler vectorises by itself, once for each set: a file defines SGS_TARGET and includes this. */
#include <math.h>
#include <string.h>

#include "kernels.h"
#include "requant.h"

#define SGS_KERNEL static SGS_TARGET void

static inline int16_t body_sat16(int32_t v)
{
    return (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
}

SGS_KERNEL body_finish_row(const int32_t *high, const int32_t *low, int n, int32_t multiplier, int64_t offset,
                           int shift, int16_t *y)
{
    if (!high) {
        for (int i = 0; i < n; i++)
            y[i] = sgs_sat16(((int64_t)low[i] * multiplier + offset) >> shift);
        return;
    }
    for (int i = 0; i < n; i++)
        y[i] = sgs_sat16(sgs_scaled(high[i], low[i], multiplier, offset) >> shift);
}

SGS_KERNEL body_finish_columns(const int32_t *high, const int32_t *low, int n, const int32_t *multiplier,
                               const int64_t *offset, const int8_t *shift, int16_t *y)
{
    for (int i = 0; i < n; i++)
        y[i] = sgs_sat16(sgs_scaled(high[i], low[i], multiplier[i], offset[i]) >> shift[i]);
}

/* One division, then the nearest whole number, ties to even; limited first, which changes no result. */
SGS_KERNEL body_quantize(const float *x, int16_t *y, int64_t n, float scale)
{
    for (int64_t i = 0; i < n; i++) {
        float t = x[i] / scale;
        t = t == t ? t : 0.0f;
        t = t > -32768.0f ? t : -32768.0f;
        t = t < 32767.0f ? t : 32767.0f;
        y[i] = (int16_t)rintf(t);
    }
}

SGS_KERNEL body_narrow(const int16_t *x, uint8_t *y, int64_t n, const struct sgs_level *given, int32_t zero)
{
    struct sgs_level level = *given; /* so that stores to y cannot change it */
    if (!level.short_form) {
        for (int64_t i = 0; i < n; i++) {
            int64_t v = sgs_rescaled(x[i], level.multiplier, level.shift) + zero;
            y[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t v = sgs_level_short(x[i], &level) + zero;
        y[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

SGS_KERNEL body_scale(const int16_t *x, int16_t *y, int64_t n, const struct sgs_level *given)
{
    struct sgs_level level = *given;
    if (!level.short_form) {
        for (int64_t i = 0; i < n; i++)
            y[i] = sgs_sat16(sgs_rescaled(x[i], level.multiplier, level.shift));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = body_sat16(sgs_level_short(x[i], &level));
}

SGS_KERNEL body_leaky(const int16_t *x, int16_t *y, int64_t n, const struct sgs_level *given_plus,
                      const struct sgs_level *given_minus)
{
    struct sgs_level plus = *given_plus, minus = *given_minus;
    if (!plus.short_form || !minus.short_form) {
        for (int64_t i = 0; i < n; i++) {
            const struct sgs_level *level = x[i] < 0 ? &minus : &plus;
            y[i] = sgs_sat16(sgs_rescaled(x[i], level->multiplier, level->shift));
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t above = sgs_level_short(x[i], &plus), below = sgs_level_short(x[i], &minus);
        y[i] = body_sat16(x[i] < 0 ? below : above);
    }
}

SGS_KERNEL body_add(const int16_t *a, const int16_t *b, int16_t *y, int64_t n, const struct sgs_sum *given)
{
    struct sgs_sum sum = *given;
    if (!sum.short_form) {
        int64_t half = INT64_C(1) << (sum.shift - 1);
        for (int64_t i = 0; i < n; i++)
            y[i] = sgs_sat16((a[i] * sum.multiplier[0] + b[i] * sum.multiplier[1] + half) >> sum.shift);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = body_sat16(sgs_sum_short(a[i], b[i], &sum));
}

/* The quotient of whole numbers below 2^50 is found in float64, whose error is mended: it is off by one at most. */
SGS_KERNEL body_softmax(const int16_t *x, int16_t *y, int64_t n, const int32_t *high, const int32_t *low,
                        int64_t *power)
{
    int32_t top = INT16_MIN;
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int64_t i = 0; i < n; i++) {
        int32_t d = top - x[i];
        power[i] = ((int64_t)high[d >> 8] * low[d & 255] + (1 << 29)) >> 30;
        sum += power[i];
    }
    double part = 1.0 / (double)sum;
    for (int64_t i = 0; i < n; i++) {
        int64_t whole = (power[i] << 15) + (sum >> 1);
        int64_t level = (int64_t)((double)whole * part);
        int64_t rest = whole - level * sum;
        level += rest >= sum;
        level -= rest < 0;
        y[i] = (int16_t)(level < INT16_MAX ? level : INT16_MAX);
    }
}

SGS_KERNEL body_layernorm(const int16_t *x, int16_t *y, int64_t n, int shift, int64_t epsilon, const int32_t *gain,
                          const int64_t *offset)
{
    int64_t total = 0, v = epsilon, half = INT64_C(1) << (shift - 1);
    for (int64_t i = 0; i < n; i++)
        total += x[i];
    for (int64_t i = 0; i < n; i++) {
        int64_t d = n * x[i] - total;
        v += d * d;
    }
    int t = 0;
    for (; v < INT64_C(1) << 60; t++)
        v *= 4;
    int64_t root = sgs_root(v), factor = INT64_C(1) << (t + 30);
    for (int64_t i = 0; i < n; i++) {
        int64_t above = (n * x[i] - total) * factor + (root >> 1);
        int64_t z = above / root;
        z -= z * root > above; /* towards minus infinity */
        y[i] = sgs_sat16((z * gain[i] + offset[i] + half) >> shift);
    }
}

SGS_KERNEL body_lay_bytes4(const uint8_t *const x[4], int64_t stride, int64_t n, uint8_t *out)
{
    const uint8_t *restrict a = x[0], *restrict b = x[1], *restrict c = x[2], *restrict d = x[3];
    uint8_t *restrict to = out;
    if (stride == 4 && b == a + 1 && c == a + 2 && d == a + 3) {
        memcpy(out, a, (size_t)(4 * n));
    } else if (stride == 1) {
        for (int64_t i = 0; i < n; i++) {
            to[4 * i] = a[i];
            to[4 * i + 1] = b[i];
            to[4 * i + 2] = c[i];
            to[4 * i + 3] = d[i];
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            to[4 * i] = a[i * stride];
            to[4 * i + 1] = b[i * stride];
            to[4 * i + 2] = c[i * stride];
            to[4 * i + 3] = d[i * stride];
        }
    }
}

SGS_KERNEL body_lay_bytes2(const uint8_t *const x[2], int64_t stride, int64_t n, int16_t *out)
{
    const uint8_t *restrict a = x[0], *restrict b = x[1];
    int16_t *restrict to = out;
    if (stride == 1) {
        for (int64_t i = 0; i < n; i++) {
            to[2 * i] = a[i];
            to[2 * i + 1] = b[i];
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            to[2 * i] = a[i * stride];
            to[2 * i + 1] = b[i * stride];
        }
    }
}

static inline void body_split(int16_t x, int16_t *high, int16_t *low)
{
    *high = (int16_t)((x + 128) >> 8);
    *low = (int8_t)(uint8_t)x;
}

SGS_KERNEL body_lay_words(const int16_t *const x[2], int64_t stride, int64_t n, int16_t *high, int16_t *low)
{
    const int16_t *restrict a = x[0], *restrict b = x[1];
    int16_t *restrict h = high, *restrict l = low;
    if (stride == 1) {
        for (int64_t i = 0; i < n; i++) {
            body_split(a[i], h + 2 * i, l + 2 * i);
            body_split(b[i], h + 2 * i + 1, l + 2 * i + 1);
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            body_split(a[i * stride], h + 2 * i, l + 2 * i);
            body_split(b[i * stride], h + 2 * i + 1, l + 2 * i + 1);
        }
    }
}

/* The entries of a set that are these bodies in every set but NEON's. */
#define SGS_BODY_ENTRIES \
    .quantize = body_quantize, .narrow = body_narrow, .scale = body_scale, .leaky = body_leaky, .add = body_add, \
    .softmax = body_softmax, .layernorm = body_layernorm, .lay_bytes4 = body_lay_bytes4, \
    .lay_bytes2 = body_lay_bytes2, .lay_words = body_lay_words

/* The formulas of docs/arithmetic.md for one element. */
#ifndef SGS_REQUANT_H
#define SGS_REQUANT_H

#include <math.h>
#include <stdint.h>

#include "kernels.h"

static inline int16_t sgs_sat16(int64_t v)
{
    return (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
}

/* R(a; M, s) */
static inline int64_t sgs_rescaled(int64_t a, int64_t multiplier, int shift)
{
    return (a * multiplier + (INT64_C(1) << (shift - 1))) >> shift;
}

/* The largest r with r r <= v, for v from 0 up to 2^62. */
static inline int64_t sgs_root(int64_t v)
{
    int64_t root = (int64_t)sqrt((double)v);
    root -= root * root > v;
    root += (root + 1) * (root + 1) <= v;
    return root;
}

/* n / d cut downwards, for d > 0. */
static inline int64_t sgs_floor(int64_t n, int64_t d)
{
    return n / d - (n % d < 0);
}

/* 256 * high + low, by M, and the offset: parts may pass 64 bits where the whole does not, so without a sign. */
static inline int64_t sgs_scaled(int32_t high, int32_t low, int32_t multiplier, int64_t offset)
{
    uint64_t upper = (uint64_t)((int64_t)high * multiplier) << 8;
    return (int64_t)(upper + (uint64_t)((int64_t)low * multiplier) + (uint64_t)offset);
}

struct sgs_level sgs_level_of(int64_t multiplier, int64_t shift);
struct sgs_sum sgs_sum_of(int64_t first, int64_t second, int64_t shift);

static inline int32_t sgs_level_short(int32_t x, const struct sgs_level *level)
{
    return (x * level->high + ((x * level->low) >> 16) + level->half) >> (level->shift - 16);
}

static inline int32_t sgs_sum_short(int32_t a, int32_t b, const struct sgs_sum *sum)
{
    int32_t carry = (a * sum->low[0] + b * sum->low[1]) >> 16;
    return (a * sum->high[0] + b * sum->high[1] + carry + sum->half) >> (sum->shift - 16);
}

#endif

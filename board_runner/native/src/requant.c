/* When a level may be computed in 32 bits. */
#include "requant.h"

static int32_t low_part(int64_t multiplier)
{
    return (int16_t)(uint16_t)(multiplier & 0xFFFF);
}

struct sgs_level sgs_level_of(int64_t multiplier, int64_t shift)
{
    struct sgs_level level = {.multiplier = multiplier, .shift = (int)shift};
    level.low = low_part(multiplier);
    level.high = (int32_t)((multiplier - level.low) >> 16);
    /* |x high| <= 2^30, the carry is below 2^14 and half at most 2^29 */
    level.short_form = shift >= 17 && shift <= 46;
    level.half = level.short_form ? INT32_C(1) << (shift - 17) : 0;
    return level;
}

struct sgs_sum sgs_sum_of(int64_t first, int64_t second, int64_t shift)
{
    struct sgs_sum sum = {.multiplier = {first, second}, .shift = (int)shift};
    int64_t half = shift >= 17 && shift <= 46 ? INT64_C(1) << (shift - 17) : INT64_MAX / 2;
    for (int i = 0; i < 2; i++) {
        sum.low[i] = low_part(sum.multiplier[i]);
        sum.high[i] = (int32_t)((sum.multiplier[i] - sum.low[i]) >> 16);
    }
    int64_t lows = (sum.low[0] < 0 ? -(int64_t)sum.low[0] : sum.low[0]) +
                   (sum.low[1] < 0 ? -(int64_t)sum.low[1] : sum.low[1]);
    int64_t highs = (sum.high[0] < 0 ? -(int64_t)sum.high[0] : sum.high[0]) +
                    (sum.high[1] < 0 ? -(int64_t)sum.high[1] : sum.high[1]);
    int64_t most = 32768 * highs + 32768 + half;
    sum.short_form = lows < 65536 && most <= INT32_MAX;
    sum.half = sum.short_form ? (int32_t)half : 0;
    return sum;
}

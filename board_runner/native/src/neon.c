/* Kernels for ARM with NEON. */
#include "neon.h"

#ifdef SGS_NEON
#include <arm_neon.h>

#ifdef __aarch64__
#define SGS_TARGET
#else
#define SGS_TARGET __attribute__((target("fpu=neon")))
#endif
#include "kernel_body.h"

/* Some rows by 8 columns. Pairs are taken apart, so that a weight multiplies four places at once. */
#define PART(NAME, ROWS)                                                                                        \
    static inline SGS_TARGET void NAME(const struct sgs_tile *tile, int row, int column)                        \
    {                                                                                                           \
        int32x4_t sum[ROWS][2];                                                                                 \
        const char *a = (const char *)tile->a + row * tile->a_row;                                              \
        const char *b = (const char *)tile->b + 4 * column;                                                     \
        for (int r = 0; r < ROWS; r++)                                                                          \
            sum[r][0] = sum[r][1] = vdupq_n_s32(0);                                                             \
        for (int t = 0; t < tile->steps; t++, a += tile->a_step) {                                              \
            int16x8x2_t x = vld2q_s16((const int16_t *)(const void *)(b + tile->offset[t]));                    \
            for (int r = 0; r < ROWS; r++) {                                                                    \
                int16x4_t w = vreinterpret_s16_s32(vld1_dup_s32((const void *)(a + r * tile->a_row)));          \
                sum[r][0] = vmlal_lane_s16(sum[r][0], vget_low_s16(x.val[0]), w, 0);                            \
                sum[r][0] = vmlal_lane_s16(sum[r][0], vget_low_s16(x.val[1]), w, 1);                            \
                sum[r][1] = vmlal_lane_s16(sum[r][1], vget_high_s16(x.val[0]), w, 0);                           \
                sum[r][1] = vmlal_lane_s16(sum[r][1], vget_high_s16(x.val[1]), w, 1);                           \
            }                                                                                                   \
        }                                                                                                       \
        for (int r = 0; r < ROWS; r++) {                                                                        \
            int32_t *to = tile->sum + (row + r) * SGS_TILE_COLUMNS + column;                                    \
            vst1q_s32(to, sum[r][0]);                                                                           \
            vst1q_s32(to + 4, sum[r][1]);                                                                       \
        }                                                                                                       \
    }

PART(four_rows, 4) /* 32-bit processors have sixteen registers */
PART(one_row, 1)

#ifdef __aarch64__
/* Row K by pair LANE of a register of weights. */
#define ONE_ROW(K, W, LANE)                                                                                    \
    sum[K][0] = vmlal_laneq_s16(sum[K][0], vget_low_s16(x.val[0]), W, 2 * (LANE));                              \
    sum[K][0] = vmlal_laneq_s16(sum[K][0], vget_low_s16(x.val[1]), W, 2 * (LANE) + 1);                          \
    sum[K][1] = vmlal_high_laneq_s16(sum[K][1], x.val[0], W, 2 * (LANE));                                       \
    sum[K][1] = vmlal_high_laneq_s16(sum[K][1], x.val[1], W, 2 * (LANE) + 1);

/* Eight rows whose pairs lie side by side, as conv.c packs them: two registers hold all weights of a step. */
static void packed_rows(const struct sgs_tile *tile, int column)
{
    int32x4_t sum[8][2];
    const char *a = tile->a, *b = (const char *)tile->b + 4 * column;
    for (int r = 0; r < 8; r++)
        sum[r][0] = sum[r][1] = vdupq_n_s32(0);
    for (int t = 0; t < tile->steps; t++, a += tile->a_step) {
        int16x8x2_t x = vld2q_s16((const int16_t *)(const void *)(b + tile->offset[t]));
        int16x8_t upper = vld1q_s16((const int16_t *)(const void *)a);
        int16x8_t lower = vld1q_s16((const int16_t *)(const void *)(a + 16));
        ONE_ROW(0, upper, 0)
        ONE_ROW(1, upper, 1)
        ONE_ROW(2, upper, 2)
        ONE_ROW(3, upper, 3)
        ONE_ROW(4, lower, 0)
        ONE_ROW(5, lower, 1)
        ONE_ROW(6, lower, 2)
        ONE_ROW(7, lower, 3)
    }
    for (int r = 0; r < 8; r++) {
        vst1q_s32(tile->sum + r * SGS_TILE_COLUMNS + column, sum[r][0]);
        vst1q_s32(tile->sum + r * SGS_TILE_COLUMNS + column + 4, sum[r][1]);
    }
}
#endif

SGS_KERNEL pairs_tile(const struct sgs_tile *tile)
{
#ifdef __aarch64__
    for (int column = 0; column < SGS_TILE_COLUMNS && tile->a_row == 4; column += 8)
        packed_rows(tile, column);
    if (tile->a_row == 4)
        return;
#endif
    for (int row = 0; row < SGS_TILE_ROWS; row += 4)
        for (int column = 0; column < SGS_TILE_COLUMNS; column += 8)
            four_rows(tile, row, column);
}

SGS_KERNEL pairs_row(const struct sgs_tile *tile)
{
    for (int column = 0; column < SGS_TILE_COLUMNS; column += 8)
        one_row(tile, 0, column);
}

/* Two sums to 64 bits, and their levels, limited to 32. */
static inline SGS_TARGET int32x2_t levels(int32x2_t low, int32x2_t multiplier, int64x2_t offset, int64x2_t shift)
{
    return vqmovn_s64(vshlq_s64(vmlal_s32(offset, low, multiplier), shift));
}

SGS_KERNEL finish_row(const int32_t *high, const int32_t *low, int n, int32_t multiplier, int64_t offset, int shift,
                      int16_t *y)
{
    int32x2_t m = vdup_n_s32(multiplier);
    int64x2_t o = vdupq_n_s64(offset), s = vdupq_n_s64(-shift);
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        int64x2_t base[2] = {o, o};
        for (int k = 0; k < 2 && high; k++)
            base[k] = vaddq_s64(o, vshlq_n_s64(vmull_s32(vld1_s32(high + i + 2 * k), m), 8));
        int32x2_t first = levels(vld1_s32(low + i), m, base[0], s);
        int32x2_t second = levels(vld1_s32(low + i + 2), m, base[1], s);
        vst1_s16(y + i, vqmovn_s32(vcombine_s32(first, second)));
    }
    if (i < n)
        body_finish_row(high ? high + i : NULL, low + i, n - i, multiplier, offset, shift, y + i);
}

/* The short form of a level for four elements; see kernels.h. */
static inline SGS_TARGET int32x4_t short_level(int16x4_t x, const struct sgs_level *level)
{
    int32x4_t wide = vmovl_s16(x);
    int32x4_t carry = vshrq_n_s32(vmulq_n_s32(wide, level->low), 16);
    int32x4_t sum = vaddq_s32(vmlaq_n_s32(carry, wide, level->high), vdupq_n_s32(level->half));
    return vshlq_s32(sum, vdupq_n_s32(16 - level->shift));
}

SGS_KERNEL narrow(const int16_t *x, uint8_t *y, int64_t n, const struct sgs_level *given, int32_t zero)
{
    struct sgs_level level = *given;
    int64_t i = 0;
    for (; level.short_form && i + 8 <= n; i += 8) {
        int16x8_t given8 = vld1q_s16(x + i);
        int32x4_t low = vaddq_s32(short_level(vget_low_s16(given8), &level), vdupq_n_s32(zero));
        int32x4_t high = vaddq_s32(short_level(vget_high_s16(given8), &level), vdupq_n_s32(zero));
        vst1_u8(y + i, vqmovun_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high))));
    }
    body_narrow(x + i, y + i, n - i, &level, zero);
}

SGS_KERNEL scale(const int16_t *x, int16_t *y, int64_t n, const struct sgs_level *given)
{
    struct sgs_level level = *given;
    int64_t i = 0;
    for (; level.short_form && i + 4 <= n; i += 4)
        vst1_s16(y + i, vqmovn_s32(short_level(vld1_s16(x + i), &level)));
    body_scale(x + i, y + i, n - i, &level);
}

SGS_KERNEL leaky(const int16_t *x, int16_t *y, int64_t n, const struct sgs_level *given_plus,
                 const struct sgs_level *given_minus)
{
    struct sgs_level plus = *given_plus, minus = *given_minus;
    int64_t i = 0;
    for (; plus.short_form && minus.short_form && i + 4 <= n; i += 4) {
        int16x4_t x4 = vld1_s16(x + i);
        int16x4_t above = vqmovn_s32(short_level(x4, &plus)), below = vqmovn_s32(short_level(x4, &minus));
        vst1_s16(y + i, vbsl_s16(vclt_s16(x4, vdup_n_s16(0)), below, above));
    }
    body_leaky(x + i, y + i, n - i, &plus, &minus);
}

SGS_KERNEL add(const int16_t *a, const int16_t *b, int16_t *y, int64_t n, const struct sgs_sum *given)
{
    struct sgs_sum sum = *given;
    int64_t i = 0;
    for (; sum.short_form && i + 4 <= n; i += 4) {
        int32x4_t left = vmovl_s16(vld1_s16(a + i)), right = vmovl_s16(vld1_s16(b + i));
        int32x4_t carry = vmlaq_n_s32(vmulq_n_s32(left, sum.low[0]), right, sum.low[1]);
        int32x4_t all = vaddq_s32(vshrq_n_s32(carry, 16), vdupq_n_s32(sum.half));
        all = vmlaq_n_s32(vmlaq_n_s32(all, left, sum.high[0]), right, sum.high[1]);
        vst1_s16(y + i, vqmovn_s32(vshlq_s32(all, vdupq_n_s32(16 - sum.shift))));
    }
    body_add(a + i, b + i, y + i, n - i, &sum);
}

SGS_KERNEL lay_bytes2(const uint8_t *const x[2], int64_t stride, int64_t n, int16_t *out)
{
    int64_t i = 0;
    for (; stride == 1 && i + 8 <= n; i += 8) {
        int16x8x2_t both = {{vreinterpretq_s16_u16(vmovl_u8(vld1_u8(x[0] + i))),
                             vreinterpretq_s16_u16(vmovl_u8(vld1_u8(x[1] + i)))}};
        vst2q_s16(out + 2 * i, both);
    }
    const uint8_t *rest[2] = {x[0] + i * stride, x[1] + i * stride};
    body_lay_bytes2(rest, stride, n - i, out + 2 * i);
}

const struct sgs_kernels sgs_kernels_neon = {
    .name = "neon",
    .pairs_tile = pairs_tile,
    .pairs_row = pairs_row,
    .finish_row = finish_row,
    .finish_columns = body_finish_columns,
    .quantize = body_quantize,
    .narrow = narrow,
    .scale = scale,
    .leaky = leaky,
    .add = add,
    .softmax = body_softmax,
    .layernorm = body_layernorm,
    .lay_bytes4 = body_lay_bytes4,
    .lay_bytes2 = lay_bytes2,
    .lay_words = body_lay_words,
};
#endif

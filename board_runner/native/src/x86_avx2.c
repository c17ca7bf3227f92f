/* Kernels for x86 with AVX2. */
#include "x86.h"

#ifdef SGS_X86
#include <immintrin.h>

#define SGS_TARGET __attribute__((target("avx2")))
#include "kernel_body.h"

static inline SGS_TARGET __m256i group(const void *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm256_set1_epi32(word);
}

static inline SGS_TARGET __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Some rows by 16 columns: as many sums as there are registers for. */
#define PART(NAME, ROWS)                                                                                       \
    static inline SGS_TARGET void NAME(const struct sgs_tile *tile, int row, int column)                       \
    {                                                                                                          \
        __m256i sum[ROWS][2];                                                                                  \
        const char *a = (const char *)tile->a + row * tile->a_row;                                             \
        const char *b = (const char *)tile->b + 4 * column;                                                    \
        for (int r = 0; r < ROWS; r++)                                                                         \
            sum[r][0] = sum[r][1] = _mm256_setzero_si256();                                                    \
        for (int t = 0; t < tile->steps; t++, a += tile->a_step) {                                             \
            __m256i left = load(b + tile->offset[t]), right = load(b + tile->offset[t] + 32);                  \
            _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++)                                             \
            {                                                                                                  \
                __m256i w = group(a + r * tile->a_row);                                                        \
                sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(left, w));                           \
                sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(right, w));                          \
            }                                                                                                  \
        }                                                                                                      \
        for (int r = 0; r < ROWS; r++) {                                                                       \
            int32_t *to = tile->sum + (row + r) * SGS_TILE_COLUMNS + column;                                   \
            _mm256_storeu_si256((__m256i *)(void *)to, sum[r][0]);                                             \
            _mm256_storeu_si256((__m256i *)(void *)(to + 8), sum[r][1]);                                       \
        }                                                                                                      \
    }

PART(four_rows, 4)
PART(one_row, 1)

SGS_KERNEL pairs_tile(const struct sgs_tile *tile)
{
    for (int row = 0; row < SGS_TILE_ROWS; row += 4)
        for (int column = 0; column < SGS_TILE_COLUMNS; column += 16)
            four_rows(tile, row, column);
}

SGS_KERNEL pairs_row(const struct sgs_tile *tile)
{
    for (int column = 0; column < SGS_TILE_COLUMNS; column += 16)
        one_row(tile, 0, column);
}

/* AVX2 shifts 64 bits without a sign only: 2^62 makes every sum positive, and is taken off again after the shift.
 * The level fits 62 - s bits; it is limited while it has 64. */
static inline SGS_TARGET __m256i shifted(__m256i sum, __m128i shift, int bits)
{
    const __m256i most = _mm256_set1_epi64x(INT16_MAX), least = _mm256_set1_epi64x(INT16_MIN);
    __m256i level = _mm256_srl_epi64(_mm256_add_epi64(sum, _mm256_set1_epi64x(INT64_C(1) << 62)), shift);
    level = _mm256_sub_epi64(level, _mm256_set1_epi64x(INT64_C(1) << (62 - bits)));
    level = _mm256_blendv_epi8(level, most, _mm256_cmpgt_epi64(level, most));
    return _mm256_blendv_epi8(level, least, _mm256_cmpgt_epi64(least, level));
}

static inline SGS_TARGET __m256i scaled(const int32_t *sum, __m256i multiplier)
{
    return _mm256_mul_epi32(_mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)sum)), multiplier);
}

SGS_KERNEL finish_row(const int32_t *high, const int32_t *low, int n, int32_t multiplier, int64_t offset, int shift,
                      int16_t *y)
{
    __m256i m = _mm256_set1_epi64x(multiplier), o = _mm256_set1_epi64x(offset);
    const __m256i gather = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    __m128i s = _mm_cvtsi32_si128(shift);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i level[2];
        for (int k = 0; k < 2; k++) {
            __m256i sum = _mm256_add_epi64(scaled(low + i + 4 * k, m), o);
            if (high)
                sum = _mm256_add_epi64(sum, _mm256_slli_epi64(scaled(high + i + 4 * k, m), 8));
            level[k] = _mm256_permutevar8x32_epi32(shifted(sum, s, shift), gather);
        }
        __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(level[0]), _mm256_castsi256_si128(level[1]));
        _mm_storeu_si128((__m128i *)(void *)(y + i), packed);
    }
    if (i < n)
        body_finish_row(high ? high + i : NULL, low + i, n - i, multiplier, offset, shift, y + i);
}

const struct sgs_kernels sgs_kernels_avx2 = {
    .name = "avx2",
    .pairs_tile = pairs_tile,
    .pairs_row = pairs_row,
    .finish_row = finish_row,
    .finish_columns = body_finish_columns,
    SGS_BODY_ENTRIES,
};
#endif

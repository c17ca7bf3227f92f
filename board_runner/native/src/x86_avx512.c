/* Kernels for x86 with AVX-512 and VNNI: dot products of four bytes or two words in one instruction. */
#include "x86.h"

#ifdef SGS_X86
#include <immintrin.h>

#ifdef __clang__
#define SGS_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#else
#define SGS_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")))
#endif
#include "kernel_body.h"

/* One 4-byte group in all lanes. */
static inline SGS_TARGET __m512i group(const void *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return _mm512_set1_epi32(word);
}

#define TILE(NAME, ROWS, DOT)                                                                                   \
    SGS_KERNEL NAME(const struct sgs_tile *tile)                                                                \
    {                                                                                                           \
        __m512i sum[ROWS][2];                                                                                   \
        const char *a = tile->a;                                                                                \
        const char *b = tile->b;                                                                                \
        for (int r = 0; r < ROWS; r++)                                                                          \
            sum[r][0] = sum[r][1] = _mm512_setzero_si512();                                                     \
        for (int t = 0; t < tile->steps; t++, a += tile->a_step) {                                              \
            __m512i left = _mm512_loadu_si512(b + tile->offset[t]);                                             \
            __m512i right = _mm512_loadu_si512(b + tile->offset[t] + 64);                                       \
            _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++)                                              \
            {                                                                                                   \
                __m512i w = group(a + r * tile->a_row);                                                         \
                sum[r][0] = DOT(sum[r][0], left, w);                                                            \
                sum[r][1] = DOT(sum[r][1], right, w);                                                           \
            }                                                                                                   \
        }                                                                                                       \
        for (int r = 0; r < ROWS; r++) {                                                                        \
            _mm512_storeu_si512(tile->sum + r * SGS_TILE_COLUMNS, sum[r][0]);                                   \
            _mm512_storeu_si512(tile->sum + r * SGS_TILE_COLUMNS + 16, sum[r][1]);                              \
        }                                                                                                       \
    }

TILE(pairs_tile, SGS_TILE_ROWS, _mm512_dpwssd_epi32)
TILE(pairs_row, 1, _mm512_dpwssd_epi32)
TILE(quads_tile, SGS_TILE_ROWS, _mm512_dpbusd_epi32)
TILE(quads_row, 1, _mm512_dpbusd_epi32)

/* Eight sums of 64 bits to levels. */
static inline SGS_TARGET __m128i levels(__m512i sums, __m128i shift)
{
    return _mm512_cvtsepi64_epi16(_mm512_sra_epi64(sums, shift));
}

static inline SGS_TARGET __m512i scaled(const int32_t *sum, __m512i multiplier)
{
    return _mm512_mul_epi32(_mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)sum)), multiplier);
}

SGS_KERNEL finish_row(const int32_t *high, const int32_t *low, int n, int32_t multiplier, int64_t offset, int shift,
                      int16_t *y)
{
    __m512i m = _mm512_set1_epi64(multiplier), o = _mm512_set1_epi64(offset);
    __m128i s = _mm_cvtsi32_si128(shift);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512i sum = _mm512_add_epi64(scaled(low + i, m), o);
        if (high)
            sum = _mm512_add_epi64(sum, _mm512_slli_epi64(scaled(high + i, m), 8));
        _mm_storeu_si128((__m128i *)(void *)(y + i), levels(sum, s));
    }
    if (i < n)
        body_finish_row(high ? high + i : NULL, low + i, n - i, multiplier, offset, shift, y + i);
}

SGS_KERNEL finish_columns(const int32_t *high, const int32_t *low, int n, const int32_t *multiplier,
                          const int64_t *offset, const int8_t *shift, int16_t *y)
{
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512i m = _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)(multiplier + i)));
        __m512i s = _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)(shift + i)));
        __m512i sum = _mm512_add_epi64(scaled(low + i, m), _mm512_slli_epi64(scaled(high + i, m), 8));
        sum = _mm512_add_epi64(sum, _mm512_loadu_si512(offset + i));
        _mm_storeu_si128((__m128i *)(void *)(y + i), _mm512_cvtsepi64_epi16(_mm512_srav_epi64(sum, s)));
    }
    if (i < n)
        body_finish_columns(high + i, low + i, n - i, multiplier + i, offset + i, shift + i, y + i);
}

const struct sgs_kernels sgs_kernels_avx512 = {
    .name = "avx512",
    .pairs_tile = pairs_tile,
    .pairs_row = pairs_row,
    .quads_tile = quads_tile,
    .quads_row = quads_row,
    .finish_row = finish_row,
    .finish_columns = finish_columns,
    SGS_BODY_ENTRIES,
};
#endif

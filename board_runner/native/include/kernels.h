/* The inner loops, in sets: `portable`, which is the oracle, and those for processors that have more. Every set gives
 * the same bits. */
#ifndef SGS_KERNELS_H
#define SGS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum { SGS_TILE_ROWS = 8, SGS_TILE_COLUMNS = 32 };

/* Sums of products for a tile of rows by columns. Both sides lie in groups of 4 bytes, which are multiplied element
 * by element and added: pairs of int16, or quads (uint8 in `b`, int8 in `a`). Group t of row r begins at
 * a + r * a_row + t * a_step, of column c at b + offset[t] + 4 c; all in bytes. Sums must fit int32. */
struct sgs_tile {
    const void *a, *b;
    int64_t a_row, a_step;
    const int32_t *offset;
    int steps;
    int32_t *sum; /* rows of SGS_TILE_COLUMNS */
};

/* (x * M + 2^(s-1)) >> s in 32 bits, where M = 65536 * high + low and 17 <= s <= 46. The lowest 16 bits of the
 * product only matter by what they carry: floor((x M + 2^(s-1)) / 2^s) = floor((floor(x M / 2^16) + 2^(s-17)) /
 * 2^(s-16)), and floor(x M / 2^16) = x * high + floor(x * low / 2^16). */
struct sgs_level {
    int64_t multiplier;
    int shift;
    bool short_form;
    int32_t high, low, half;
};

/* The same for a * M0 + b * M1. */
struct sgs_sum {
    int64_t multiplier[2];
    int shift;
    bool short_form;
    int32_t high[2], low[2], half;
};

struct sgs_kernels {
    const char *name;
    void (*pairs_tile)(const struct sgs_tile *tile); /* SGS_TILE_ROWS rows */
    void (*pairs_row)(const struct sgs_tile *tile);  /* one row */
    void (*quads_tile)(const struct sgs_tile *tile); /* NULL where the processor has no such instruction */
    void (*quads_row)(const struct sgs_tile *tile);

    /* y = sat16((a M + offset) >> s) for n sums a = 256 * high + low, or a = low where high is NULL. */
    void (*finish_row)(const int32_t *high, const int32_t *low, int n, int32_t multiplier, int64_t offset, int shift,
                       int16_t *y);
    void (*finish_columns)(const int32_t *high, const int32_t *low, int n, const int32_t *multiplier,
                           const int64_t *offset, const int8_t *shift, int16_t *y);

    void (*quantize)(const float *x, int16_t *y, int64_t n, float scale);
    void (*narrow)(const int16_t *x, uint8_t *y, int64_t n, const struct sgs_level *level, int32_t zero);
    void (*scale)(const int16_t *x, int16_t *y, int64_t n, const struct sgs_level *level);
    void (*leaky)(const int16_t *x, int16_t *y, int64_t n, const struct sgs_level *plus, const struct sgs_level *minus);
    void (*add)(const int16_t *a, const int16_t *b, int16_t *y, int64_t n, const struct sgs_sum *sum);
    void (*softmax)(const int16_t *x, int16_t *y, int64_t n, const int32_t *high, const int32_t *low, int64_t *power);
    void (*layernorm)(const int16_t *x, int16_t *y, int64_t n, int shift, int64_t epsilon, const int32_t *gain,
                      const int64_t *offset);

    /* Lay elements of several rows side by side: out[k * i + j] = x[j][i * stride]. */
    void (*lay_bytes4)(const uint8_t *const x[4], int64_t stride, int64_t n, uint8_t *out);
    void (*lay_bytes2)(const uint8_t *const x[2], int64_t stride, int64_t n, int16_t *out);
    /* int16 in two parts, x = 256 * high + low with -128 <= low <= 127. */
    void (*lay_words)(const int16_t *const x[2], int64_t stride, int64_t n, int16_t *high, int16_t *low);
};

extern const struct sgs_kernels sgs_kernels_portable;

/* The set of that name, the best that this processor has for NULL; NULL where there is no such set. */
const struct sgs_kernels *sgs_kernels_find(const char *name);

/* Name of set `index` that this processor can run, the best first; NULL after the last. */
const char *sgs_kernels_name(int index);

#endif

/* Kernels in plain C: what every other set is held against. */
#define SGS_TARGET
#include "kernel_body.h"

static void pairs(const struct sgs_tile *tile, int rows)
{
    for (int r = 0; r < rows; r++) {
        int32_t *sum = tile->sum + r * SGS_TILE_COLUMNS;
        memset(sum, 0, SGS_TILE_COLUMNS * sizeof *sum);
        for (int t = 0; t < tile->steps; t++) {
            int16_t a[2];
            memcpy(a, (const char *)tile->a + r * tile->a_row + t * tile->a_step, sizeof a);
            const int16_t *b = (const int16_t *)(const void *)((const char *)tile->b + tile->offset[t]);
            for (int c = 0; c < SGS_TILE_COLUMNS; c++)
                sum[c] += a[0] * b[2 * c] + a[1] * b[2 * c + 1];
        }
    }
}

static void pairs_tile(const struct sgs_tile *tile)
{
    pairs(tile, SGS_TILE_ROWS);
}

static void pairs_row(const struct sgs_tile *tile)
{
    pairs(tile, 1);
}

const struct sgs_kernels sgs_kernels_portable = {
    .name = "portable",
    .pairs_tile = pairs_tile,
    .pairs_row = pairs_row,
    .finish_row = body_finish_row,
    .finish_columns = body_finish_columns,
    SGS_BODY_ENTRIES,
};

/* conv8 and conv16: tiles of 8 channels by 32 places over a panel of the input. */
#include "conv.h"
#include "numbers.h"
#include "requant.h"

struct channel {
    const int32_t *multiplier;
    const int64_t *offset;
    const int8_t *shift;
};

/* Columns of a block's panel, and where their levels go: `y` is the block's first place. */
struct columns {
    int64_t first, last, of_line;
    int16_t *y;
};

/* From column `at` on as many as are places of one line, *to being the first one's place; 0 or less between lines. */
static int64_t same_line(const struct sgs_conv_layout *conv, const struct columns *columns, int64_t at, int64_t *to)
{
    int64_t line = at / conv->segment, within = at % conv->segment;
    *to = line * conv->line + within;
    return sgs_smaller(columns->last - at, columns->of_line - within);
}

static int64_t next_line(const struct sgs_conv_layout *conv, int64_t at)
{
    return (at / conv->segment + 1) * conv->segment;
}

/* Sums of a tile too long for 32 bits, a chunk after the other, in 64. */
static void finish_long(const struct sgs_kernels *kernels, const struct sgs_conv_layout *conv, struct sgs_tile tile,
                        int rows, const struct columns *columns, struct channel channel)
{
    int64_t total[SGS_TILE_ROWS][SGS_TILE_COLUMNS] = {{0}}, to;
    int32_t sum[SGS_TILE_ROWS][SGS_TILE_COLUMNS];
    tile.sum = sum[0];
    const char *a = tile.a, *b = tile.b;
    for (int64_t at = 0; at < conv->steps; at += conv->chunk)
        for (int part = 0; part < 2; part++) {
            tile.a = a + at * tile.a_step;
            tile.b = b + part * conv->part_bytes;
            tile.offset = conv->offset + at;
            tile.steps = (int)sgs_smaller(conv->chunk, conv->steps - at);
            (conv->single ? kernels->pairs_row : kernels->pairs_tile)(&tile);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < SGS_TILE_COLUMNS; c++)
                    total[r][c] += part ? sum[r][c] : 256 * (int64_t)sum[r][c];
        }
    for (int64_t at = columns->first; at < columns->last; at++)
        if (same_line(conv, columns, at, &to) > 0)
            for (int r = 0; r < rows; r++)
                columns->y[r * conv->places + to] =
                    sgs_sat16((total[r][at - columns->first] * channel.multiplier[r] + channel.offset[r]) >>
                              channel.shift[r]);
}

static void run_tile(const struct sgs_kernels *kernels, const struct sgs_conv_layout *conv, const void *a,
                     const char *b, int rows, const struct columns *columns, struct channel channel)
{
    int32_t low[SGS_TILE_ROWS][SGS_TILE_COLUMNS], high[SGS_TILE_ROWS][SGS_TILE_COLUMNS];
    int tall = conv->single ? 1 : SGS_TILE_ROWS;
    struct sgs_tile tile = {.a = a, .b = b, .a_row = 4, .a_step = 4 * tall, .offset = conv->offset,
                            .steps = (int)conv->steps, .sum = low[0]};
    void (*multiply)(const struct sgs_tile *) = conv->single ? kernels->pairs_row : kernels->pairs_tile;
    if (conv->quads)
        multiply = conv->single ? kernels->quads_row : kernels->quads_tile;
    if (conv->chunk < conv->steps) {
        finish_long(kernels, conv, tile, rows, columns, channel);
        return;
    }
    if (!conv->narrow) {
        tile.sum = high[0];
        multiply(&tile);
        tile.sum = low[0];
        tile.b = b + conv->part_bytes;
    }
    multiply(&tile);
    int64_t to, count;
    for (int64_t at = columns->first; at < columns->last; at = count > 0 ? at + count : next_line(conv, at)) {
        int64_t from = at - columns->first;
        count = same_line(conv, columns, at, &to);
        for (int r = 0; r < rows && count > 0; r++)
            kernels->finish_row(conv->narrow ? NULL : high[r] + from, low[r] + from, (int)count,
                                channel.multiplier[r], channel.offset[r], channel.shift[r],
                                columns->y + r * conv->places + to);
    }
}

static void run_block(const struct sgs_call *call, const struct sgs_conv_layout *conv,
                      const struct sgs_conv_block *block)
{
    const struct sgs_program *program = call->setup->program;
    const struct sgs_step *step = call->setup->step;
    int64_t tall = conv->single ? 1 : SGS_TILE_ROWS, all = (block->lines - 1) * conv->segment + block->columns;
    char *panel = call->scratch;
    sgs_conv_fill(call, conv, block, panel);
    for (int64_t row = 0; row < conv->rows; row += tall) {
        int64_t m = block->group * conv->rows + row;
        const char *a = (const char *)conv->weight + 4 * (block->group * conv->packed_rows + row) * conv->steps;
        struct channel channel = {
            (const int32_t *)sgs_constant(program, step, SGS_MULTIPLIER)->data + m,
            (const int64_t *)sgs_constant(program, step, SGS_OFFSET)->data + m,
            (const int8_t *)sgs_constant(program, step, SGS_SHIFT)->data + m,
        };
        int16_t *y = (int16_t *)sgs_call_target(call) + m * conv->places + block->line * conv->line + block->first;
        int rows = (int)sgs_smaller(tall, conv->rows - row);
        for (int64_t c = 0; c < all; c += SGS_TILE_COLUMNS) {
            struct columns columns = {c, sgs_smaller(c + SGS_TILE_COLUMNS, all), block->columns, y};
            run_tile(call->setup->kernels, conv, a, panel + 4 * c, rows, &columns, channel);
        }
    }
}

static void run(const struct sgs_call *call)
{
    const struct sgs_conv_layout *conv = call->state;
    for (int64_t i = call->thread; i < conv->group * conv->blocks; i += call->setup->threads) {
        int64_t cut = i % conv->blocks, line = cut / conv->cuts * conv->together;
        int64_t first = cut % conv->cuts * conv->block;
        struct sgs_conv_block block = {i / conv->blocks, line, sgs_smaller(conv->together, conv->lines - line), first,
                                       sgs_smaller(conv->block, conv->line - first)};
        run_block(call, conv, &block);
    }
}

const struct sgs_operator sgs_conv = {sgs_conv_measure, sgs_conv_prepare, run};

/* conv8 and conv16: tiles of 8 channels by 32 places over a panel of the input.
 *
 * A panel holds a block of places of the input as groups of 4 bytes, so that a tile multiplies whole groups: where a
 * group of the convolution has several channels, elements of neighbouring channels at one place; where it has one,
 * neighbouring taps of it. Places are sorted by their remainder modulo the stride, so that the places of one tap lie
 * next to each other whatever the stride is. int16 lies in two parts, 256 * high + low: sums of either fit 32 bits. */
#include <string.h>

#include "numbers.h"
#include "operators.h"
#include "requant.h"

enum { PANEL_BYTES = 96 << 10, LEAST_BLOCK = 128, CHUNK_STEPS = 128, MOST_STEPS = 1 << 24 };

struct conv {
    bool narrow, quads, by_taps, single; /* uint8; groups of 4 uint8; one channel a group; few rows: one at a time */
    int lanes, parts;                    /* elements of a group; 2 parts of int16 */
    int64_t group, rows, depth, taps;    /* rows and channels of one group */
    int64_t stride, dilation, before, length, places;
    int64_t slots, residues, reach; /* channel groups; remainders; how far the last tap lies behind the first */
    int64_t steps, chunk, block, width, blocks;
    int64_t row_bytes, part_bytes; /* of a panel */
    int64_t packed_rows;           /* of a group's weights */
    const int32_t *offset;
    const void *weight;
};

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One group after another, its taps `unit` apart: places of tap group i are at i * unit * dilation. */
static void set_panel(struct conv *conv, int threads)
{
    int64_t unit = conv->by_taps ? conv->lanes : 1;
    int64_t bases = (conv->taps + unit - 1) / unit;
    int64_t period = conv->stride / greatest_divisor(conv->stride, unit * conv->dilation);
    conv->slots = conv->by_taps ? 1 : (conv->depth + conv->lanes - 1) / conv->lanes;
    conv->steps = bases * conv->slots;
    conv->residues = smaller(period, bases);
    conv->reach = conv->taps ? (conv->taps - 1) * conv->dilation / conv->stride : 0;
    int64_t place_bytes = 4 * conv->parts * conv->slots * conv->residues;
    int64_t block = (place_bytes ? PANEL_BYTES / place_bytes : conv->places) - conv->reach;
    int64_t share = (conv->places * smaller(conv->group, threads) + threads - 1) / threads;
    block = smaller(block < LEAST_BLOCK ? LEAST_BLOCK : block, share);
    block = block < 1 ? 1 : block;
    conv->blocks = (conv->places + block - 1) / block;
    /* all of about the same size */
    conv->block = sgs_up(conv->blocks ? (conv->places + conv->blocks - 1) / conv->blocks : 1, SGS_TILE_COLUMNS);
    conv->blocks = (conv->places + conv->block - 1) / conv->block;
    conv->width = conv->block + conv->reach;
    conv->row_bytes = 4 * conv->width;
    conv->part_bytes = conv->row_bytes * conv->slots * conv->residues;
}

static struct conv describe(const struct sgs_setup *setup)
{
    const struct sgs_step *step = setup->step;
    const struct sgs_value *x = sgs_in(setup->program, step, 0);
    const struct sgs_tensor *weight = sgs_constant(setup->program, step, SGS_WEIGHT);
    struct conv conv = {
        .narrow = step->op == SGS_CONV8,
        .quads = step->op == SGS_CONV8 && setup->kernels->quads_tile,
        .group = step->number[SGS_CONV_GROUP],
        .depth = weight->shape.size[1],
        .taps = weight->shape.size[2],
        .stride = step->number[SGS_CONV_STRIDE],
        .dilation = step->number[SGS_CONV_DILATION],
        .before = step->number[SGS_CONV_BEFORE],
        .length = x->shape.size[2],
        .places = sgs_out(setup->program, step)->shape.size[2],
    };
    conv.rows = weight->shape.size[0] / conv.group;
    conv.by_taps = conv.depth == 1;
    conv.single = conv.rows < 4;
    conv.lanes = conv.quads ? 4 : 2;
    conv.parts = conv.narrow ? 1 : 2;
    conv.packed_rows = conv.single ? conv.rows : sgs_up(conv.rows, SGS_TILE_ROWS);
    set_panel(&conv, setup->threads);
    return conv;
}

static bool measure(const struct sgs_setup *setup, struct sgs_need *need, struct sgs_failure *failure)
{
    struct conv conv = describe(setup);
    if (conv.steps > MOST_STEPS || conv.part_bytes > INT32_MAX)
        return sgs_fail(failure, "a convolution that is too large for this runner");
    need->state = (uint64_t)(sgs_up((int64_t)sizeof conv, 64) + sgs_up(4 * conv.steps, 64));
    need->state += (uint64_t)(4 * conv.steps * conv.packed_rows) * (uint64_t)conv.group;
    need->scratch = (uint64_t)(conv.part_bytes * conv.parts);
    return true;
}

/* Steps in the order: channel groups, then taps. */
static void set_offsets(const struct conv *conv, int32_t *offset)
{
    int64_t unit = conv->by_taps ? conv->lanes : 1, bases = conv->slots ? conv->steps / conv->slots : 0, at = 0;
    for (int64_t slot = 0; slot < conv->slots; slot++)
        for (int64_t i = 0; i < bases; i++) {
            int64_t row = i % conv->residues * conv->slots + slot;
            offset[at++] = (int32_t)(row * conv->row_bytes + 4 * (i * unit * conv->dilation / conv->stride));
        }
}

static void put_weight(const struct conv *conv, void *packed, int64_t at, const struct sgs_tensor *weight, int64_t from)
{
    if (conv->quads)
        ((int8_t *)packed)[at] = ((const int8_t *)weight->data)[from];
    else if (conv->narrow)
        ((int16_t *)packed)[at] = ((const int8_t *)weight->data)[from];
    else
        ((int16_t *)packed)[at] = ((const int16_t *)weight->data)[from];
}

/* One channel: step after step, `apart` elements from one to the next. Lanes that are not there stay 0. */
static void pack_row(const struct conv *conv, const struct sgs_tensor *weight, int64_t row, void *packed, int64_t at,
                     int64_t apart)
{
    int64_t from = row * conv->depth * conv->taps;
    if (conv->by_taps) {
        for (int64_t tap = 0; tap < conv->taps; tap += conv->lanes, at += apart)
            for (int lane = 0; lane < conv->lanes && tap + lane < conv->taps; lane++)
                put_weight(conv, packed, at + lane, weight, from + tap + lane);
        return;
    }
    for (int64_t slot = 0; slot < conv->depth; slot += conv->lanes)
        for (int64_t tap = 0; tap < conv->taps; tap++, at += apart)
            for (int lane = 0; lane < conv->lanes && slot + lane < conv->depth; lane++)
                put_weight(conv, packed, at + lane, weight, from + (slot + lane) * conv->taps + tap);
}

/* Tile after tile: the steps of it, and in each its rows. `packed` is zero. */
static void pack(const struct conv *conv, const struct sgs_tensor *weight, void *packed)
{
    int64_t tile = conv->single ? 1 : SGS_TILE_ROWS, apart = tile * conv->lanes;
    for (int64_t g = 0; g < conv->group; g++)
        for (int64_t row = 0; row < conv->rows; row++) {
            int64_t place = g * conv->packed_rows + row, within = row % tile;
            pack_row(conv, weight, g * conv->rows + row, packed,
                     (place - within) * conv->steps * conv->lanes + within * conv->lanes, apart);
        }
}

/* Steps whose sums fit 32 bits: all, where 128 * sum(abs(w)) does; else 256 products of 2^15 by 2^7. */
static int64_t steps_at_once(const struct conv *conv, const struct sgs_tensor *weight)
{
    int64_t most = 0, inner = conv->depth * conv->taps;
    if (conv->narrow)
        return conv->steps;
    for (int64_t row = 0; row < conv->group * conv->rows; row++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < inner; i++) {
            int w = ((const int16_t *)weight->data)[row * inner + i];
            sum += w < 0 ? -w : w;
        }
        most = sum > most ? sum : most;
    }
    return most < INT64_C(1) << 24 ? conv->steps : CHUNK_STEPS;
}

static void prepare(const struct sgs_setup *setup, void *state)
{
    struct conv *conv = state;
    const struct sgs_tensor *weight = sgs_constant(setup->program, setup->step, SGS_WEIGHT);
    *conv = describe(setup);
    int32_t *offset = (int32_t *)(void *)((char *)state + sgs_up((int64_t)sizeof *conv, 64));
    void *packed = (char *)offset + sgs_up(4 * conv->steps, 64);
    conv->offset = offset;
    conv->weight = packed;
    conv->chunk = steps_at_once(conv, weight);
    set_offsets(conv, offset);
    if (conv->steps && conv->rows)
        pack(conv, weight, packed);
}

/* The source of one lane: element i is x[first + i * stride], or padding where that is outside. */
struct lane {
    const char *x;
    int64_t first;
};

/* Which of `width` elements of a lane are inside the input: from *low up to the result. */
static int64_t inside(const struct conv *conv, const struct lane *lane, int64_t width, int64_t *low)
{
    int64_t begin = lane->first < 0 ? (-lane->first + conv->stride - 1) / conv->stride : 0;
    int64_t end = lane->first < conv->length ? (conv->length - 1 - lane->first) / conv->stride + 1 : 0;
    begin = smaller(begin, width);
    end = smaller(end, width);
    *low = begin;
    return end > begin ? end : begin;
}

static int element(const struct conv *conv, const struct lane *lane, int64_t i, int zero)
{
    int64_t at = lane->first + i * conv->stride;
    if (at < 0 || at >= conv->length)
        return zero;
    return conv->narrow ? ((const uint8_t *)lane->x)[at] : ((const int16_t *)(const void *)lane->x)[at];
}

static void put(const struct conv *conv, char *to, int64_t place, int lane, int value)
{
    int64_t at = place * conv->lanes + lane;
    if (conv->quads) {
        ((uint8_t *)to)[at] = (uint8_t)value;
    } else if (conv->narrow) {
        ((int16_t *)(void *)to)[at] = (int16_t)value;
    } else {
        ((int16_t *)(void *)to)[at] = (int16_t)((value + 128) >> 8);
        ((int16_t *)(void *)(to + conv->part_bytes))[at] = (int8_t)(uint8_t)value;
    }
}

static void fill_slowly(const struct conv *conv, const struct lane *lane, int64_t from, int64_t to, int zero, char *row)
{
    for (int64_t i = from; i < to; i++)
        for (int k = 0; k < conv->lanes; k++)
            put(conv, row, i, k, element(conv, lane + k, i, zero));
}

/* `width` places of a row of the panel: all lanes are inside the input between `low` and `high`. */
static void fill_row(const struct sgs_kernels *kernels, const struct conv *conv, const struct lane *lane,
                     int64_t width, int zero, char *row)
{
    int64_t low = 0, high = width;
    for (int k = 0; k < conv->lanes; k++) {
        int64_t begin, end = inside(conv, lane + k, width, &begin);
        low = begin > low ? begin : low;
        high = smaller(end, high);
    }
    if (high <= low) {
        fill_slowly(conv, lane, 0, width, zero, row);
        return;
    }
    fill_slowly(conv, lane, 0, low, zero, row);
    fill_slowly(conv, lane, high, width, zero, row);
    int64_t n = high - low, stride = conv->stride;
    char *to = row + 4 * low;
    const uint8_t *bytes[4];
    const int16_t *words[2];
    for (int k = 0; k < conv->lanes; k++) {
        int64_t at = lane[k].first + low * stride;
        if (conv->narrow)
            bytes[k] = (const uint8_t *)lane[k].x + at;
        else
            words[k] = (const int16_t *)(const void *)lane[k].x + at;
    }
    if (conv->quads)
        kernels->lay_bytes4(bytes, stride, n, (uint8_t *)to);
    else if (conv->narrow)
        kernels->lay_bytes2(bytes, stride, n, (int16_t *)(void *)to);
    else
        kernels->lay_words(words, stride, n, (int16_t *)(void *)to, (int16_t *)(void *)(to + conv->part_bytes));
}

/* The input for `columns` places of the output from `first` on; what tiles read beyond them counts for nothing. */
static void fill_panel(const struct sgs_call *call, const struct conv *conv, int64_t group, int64_t first,
                       int64_t columns, char *panel)
{
    const char *x = sgs_call_source(call, 0);
    int64_t bytes = conv->narrow ? 1 : 2, unit = conv->by_taps ? conv->lanes : 1;
    int zero = sgs_call_in(call, 0)->zero;
    for (int64_t i = 0; i < conv->residues; i++)
        for (int64_t slot = 0; slot < conv->slots; slot++) {
            struct lane lane[4];
            int64_t base = first * conv->stride + i * unit * conv->dilation % conv->stride - conv->before;
            for (int k = 0; k < conv->lanes; k++) {
                int64_t channel = conv->by_taps ? 0 : slot * conv->lanes + k;
                if (channel >= conv->depth)
                    channel = slot * conv->lanes; /* its weight is 0 */
                lane[k].x = x + (group * conv->depth + channel) * conv->length * bytes;
                lane[k].first = base + (conv->by_taps ? k * conv->dilation : 0);
            }
            fill_row(call->setup->kernels, conv, lane, columns + conv->reach, zero,
                     panel + (i * conv->slots + slot) * conv->row_bytes);
        }
}

struct channel {
    const int32_t *multiplier;
    const int64_t *offset;
    const int8_t *shift;
};

/* Sums of a tile too long for 32 bits, a chunk after the other, in 64. */
static void finish_long(const struct sgs_kernels *kernels, const struct conv *conv, struct sgs_tile tile, int rows,
                        int columns, struct channel channel, int16_t *y)
{
    int64_t total[SGS_TILE_ROWS][SGS_TILE_COLUMNS] = {{0}};
    int32_t sum[SGS_TILE_ROWS][SGS_TILE_COLUMNS];
    tile.sum = sum[0];
    const char *a = tile.a, *b = tile.b;
    for (int64_t at = 0; at < conv->steps; at += conv->chunk)
        for (int part = 0; part < 2; part++) {
            tile.a = a + at * tile.a_step;
            tile.b = b + part * conv->part_bytes;
            tile.offset = conv->offset + at;
            tile.steps = (int)smaller(conv->chunk, conv->steps - at);
            (conv->single ? kernels->pairs_row : kernels->pairs_tile)(&tile);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < SGS_TILE_COLUMNS; c++)
                    total[r][c] += part ? sum[r][c] : 256 * (int64_t)sum[r][c];
        }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            y[r * conv->places + c] =
                sgs_sat16((total[r][c] * channel.multiplier[r] + channel.offset[r]) >> channel.shift[r]);
}

static void run_tile(const struct sgs_kernels *kernels, const struct conv *conv, const void *a, const char *b,
                     int rows, int columns, struct channel channel, int16_t *y)
{
    int32_t low[SGS_TILE_ROWS][SGS_TILE_COLUMNS], high[SGS_TILE_ROWS][SGS_TILE_COLUMNS];
    int tall = conv->single ? 1 : SGS_TILE_ROWS;
    struct sgs_tile tile = {.a = a, .b = b, .a_row = 4, .a_step = 4 * tall, .offset = conv->offset,
                            .steps = (int)conv->steps, .sum = low[0]};
    void (*multiply)(const struct sgs_tile *) = conv->single ? kernels->pairs_row : kernels->pairs_tile;
    if (conv->quads)
        multiply = conv->single ? kernels->quads_row : kernels->quads_tile;
    if (conv->chunk < conv->steps) {
        finish_long(kernels, conv, tile, rows, columns, channel, y);
        return;
    }
    if (!conv->narrow) {
        tile.sum = high[0];
        multiply(&tile);
        tile.sum = low[0];
        tile.b = b + conv->part_bytes;
    }
    multiply(&tile);
    for (int r = 0; r < rows; r++)
        kernels->finish_row(conv->narrow ? NULL : high[r], low[r], columns, channel.multiplier[r], channel.offset[r],
                            channel.shift[r], y + r * conv->places);
}

static void run_block(const struct sgs_call *call, const struct conv *conv, int64_t group, int64_t first)
{
    const struct sgs_program *program = call->setup->program;
    const struct sgs_step *step = call->setup->step;
    int64_t columns = smaller(conv->block, conv->places - first), tall = conv->single ? 1 : SGS_TILE_ROWS;
    char *panel = call->scratch;
    fill_panel(call, conv, group, first, columns, panel);
    for (int64_t row = 0; row < conv->rows; row += tall) {
        int64_t m = group * conv->rows + row;
        const char *a = (const char *)conv->weight + 4 * (group * conv->packed_rows + row) * conv->steps;
        struct channel channel = {
            (const int32_t *)sgs_constant(program, step, SGS_MULTIPLIER)->data + m,
            (const int64_t *)sgs_constant(program, step, SGS_OFFSET)->data + m,
            (const int8_t *)sgs_constant(program, step, SGS_SHIFT)->data + m,
        };
        int16_t *y = (int16_t *)sgs_call_target(call) + m * conv->places + first;
        int rows = (int)smaller(tall, conv->rows - row);
        for (int64_t c = 0; c < columns; c += SGS_TILE_COLUMNS)
            run_tile(call->setup->kernels, conv, a, panel + 4 * c, rows, (int)smaller(SGS_TILE_COLUMNS, columns - c),
                     channel, y + c);
    }
}

static void run(const struct sgs_call *call)
{
    const struct conv *conv = call->state;
    for (int64_t i = call->thread; i < conv->group * conv->blocks; i += call->setup->threads)
        run_block(call, conv, i / conv->blocks, i % conv->blocks * conv->block);
}

const struct sgs_operator sgs_conv = {measure, prepare, run};

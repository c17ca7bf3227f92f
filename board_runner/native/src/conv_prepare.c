/* How a convolution is cut into blocks and tiles, and its weights laid out for them. */
#include "conv.h"
#include "numbers.h"
#include "window.h"

enum { PANEL_BYTES = 96 << 10, LEAST_BLOCK = 128, CHUNK_STEPS = 128, MOST_STEPS = 1 << 24 };

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* How many places at once: of one line, cut where it is long, or of several lines where they are short. */
static void set_blocks(struct sgs_conv_layout *conv, int threads)
{
    int64_t place_bytes = 4 * conv->parts * conv->slots * conv->residues;
    int64_t room = place_bytes ? PANEL_BYTES / place_bytes : conv->places + conv->reach, most = room - conv->reach;
    int64_t share = (conv->places * sgs_smaller(conv->group, threads) + threads - 1) / threads;
    most = sgs_smaller(most < LEAST_BLOCK ? LEAST_BLOCK : most, share);
    most = most < 1 ? 1 : most;
    conv->together = sgs_smaller((most + conv->reach) / (conv->line + conv->reach), conv->lines);
    if (conv->together > 1) {
        conv->block = conv->line;
        conv->cuts = 1;
        conv->segment = conv->line + conv->reach;
    } else {
        conv->together = 1;
        conv->cuts = (conv->line + most - 1) / most;
        conv->block = sgs_up((conv->line + conv->cuts - 1) / conv->cuts, SGS_TILE_COLUMNS); /* all of about one size */
        conv->cuts = (conv->line + conv->block - 1) / conv->block;
        conv->segment = conv->block + conv->reach;
    }
    conv->blocks = conv->cuts * ((conv->lines + conv->together - 1) / conv->together);
    conv->width = sgs_up(conv->together * conv->segment - conv->reach, SGS_TILE_COLUMNS) + conv->reach;
}

/* One group after another, its taps `unit` apart: places of tap group i are at i * unit * dilation. */
static void set_panel(struct sgs_conv_layout *conv, int threads)
{
    int64_t unit = conv->by_taps ? conv->lanes : 1;
    int64_t bases = (conv->taps + unit - 1) / unit;
    int64_t period = conv->stride / greatest_divisor(conv->stride, unit * conv->dilation);
    conv->slots = conv->by_taps ? 1 : (conv->depth + conv->lanes - 1) / conv->lanes;
    conv->steps = bases * conv->slots;
    conv->residues = sgs_smaller(period, bases);
    conv->reach = (conv->taps - 1) * conv->dilation / conv->stride;
    set_blocks(conv, threads);
    conv->row_bytes = 4 * conv->width;
    conv->part_bytes = conv->row_bytes * conv->slots * conv->residues;
}

/* A window of one element that misses none: the plane is one line. */
static bool is_pointwise(const struct sgs_window *window)
{
    bool is = true;
    for (int i = 0; i < SGS_PLANE; i++)
        is = is && window->kernel[i] == 1 && window->stride[i] == 1 && window->places[i] == window->size[i];
    return is;
}

static struct sgs_conv_layout describe(const struct sgs_setup *setup)
{
    const struct sgs_step *step = setup->step;
    const struct sgs_tensor *weight = sgs_constant(setup->program, step, SGS_WEIGHT);
    struct sgs_window window = sgs_window_of(setup->program, step);
    bool flat = is_pointwise(&window);
    int64_t plane = window.size[SGS_HIGH] * window.size[SGS_WIDE];
    struct sgs_conv_layout conv = {
        .narrow = step->op == SGS_CONV8,
        .quads = step->op == SGS_CONV8 && setup->kernels->quads_tile,
        .group = window.group,
        .rows = weight->shape.size[0] / window.group,
        .depth = weight->shape.size[1] * window.kernel[SGS_HIGH],
        .taps = window.kernel[SGS_WIDE],
        .stride = window.stride[SGS_WIDE],
        .dilation = window.dilation[SGS_WIDE],
        .before = window.before[SGS_WIDE],
        .length = flat ? plane : window.size[SGS_WIDE],
        .high = window.kernel[SGS_HIGH],
        .stride_high = window.stride[SGS_HIGH],
        .dilation_high = window.dilation[SGS_HIGH],
        .before_high = window.before[SGS_HIGH],
        .height = flat ? 1 : window.size[SGS_HIGH],
        .line = flat ? plane : window.places[SGS_WIDE],
        .lines = flat ? 1 : window.places[SGS_HIGH],
    };
    conv.places = conv.line * conv.lines;
    conv.by_taps = conv.depth == 1;
    conv.single = conv.rows < 4;
    conv.lanes = conv.quads ? 4 : 2;
    conv.parts = conv.narrow ? 1 : 2;
    conv.packed_rows = conv.single ? conv.rows : sgs_up(conv.rows, SGS_TILE_ROWS);
    set_panel(&conv, setup->threads);
    return conv;
}

bool sgs_conv_measure(const struct sgs_setup *setup, struct sgs_need *need, struct sgs_failure *failure)
{
    struct sgs_conv_layout conv = describe(setup);
    if (conv.steps > MOST_STEPS || conv.part_bytes > INT32_MAX)
        return sgs_fail(failure, "a convolution that is too large for this runner");
    need->state = (uint64_t)(sgs_up((int64_t)sizeof conv, 64) + sgs_up(4 * conv.steps, 64));
    need->state += (uint64_t)(4 * conv.steps * conv.packed_rows) * (uint64_t)conv.group;
    need->scratch = (uint64_t)(conv.part_bytes * conv.parts);
    return true;
}

/* Steps in the order: channel groups, then taps. */
static void set_offsets(const struct sgs_conv_layout *conv, int32_t *offset)
{
    int64_t unit = conv->by_taps ? conv->lanes : 1, bases = conv->slots ? conv->steps / conv->slots : 0, at = 0;
    for (int64_t slot = 0; slot < conv->slots; slot++)
        for (int64_t i = 0; i < bases; i++) {
            int64_t row = i % conv->residues * conv->slots + slot;
            offset[at++] = (int32_t)(row * conv->row_bytes + 4 * (i * unit * conv->dilation / conv->stride));
        }
}

static void put_weight(const struct sgs_conv_layout *conv, void *packed, int64_t at, const struct sgs_tensor *weight,
                       int64_t from)
{
    if (conv->quads)
        ((int8_t *)packed)[at] = ((const int8_t *)weight->data)[from];
    else if (conv->narrow)
        ((int16_t *)packed)[at] = ((const int8_t *)weight->data)[from];
    else
        ((int16_t *)packed)[at] = ((const int16_t *)weight->data)[from];
}

/* One channel: step after step, `apart` elements from one to the next. Lanes that are not there stay 0. */
static void pack_row(const struct sgs_conv_layout *conv, const struct sgs_tensor *weight, int64_t row, void *packed,
                     int64_t at, int64_t apart)
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
static void pack(const struct sgs_conv_layout *conv, const struct sgs_tensor *weight, void *packed)
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
static int64_t steps_at_once(const struct sgs_conv_layout *conv, const struct sgs_tensor *weight)
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

void sgs_conv_prepare(const struct sgs_setup *setup, void *state)
{
    struct sgs_conv_layout *conv = state;
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

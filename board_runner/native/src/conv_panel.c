/* A block of a convolution's input, laid out for the kernels. */
#include "conv.h"

/* The source of one lane: element i is x[first + i * stride], or padding where that is outside. */
struct lane {
    const char *x;
    int64_t first;
    bool outside; /* a row above or below the plane */
};

/* Which of `width` elements of a lane are inside the input: from *low up to the result. */
static int64_t inside(const struct sgs_conv_layout *conv, const struct lane *lane, int64_t width, int64_t *low)
{
    int64_t begin = lane->first < 0 ? (-lane->first + conv->stride - 1) / conv->stride : 0;
    int64_t end = lane->first < conv->length ? (conv->length - 1 - lane->first) / conv->stride + 1 : 0;
    begin = sgs_smaller(begin, width);
    end = lane->outside ? 0 : sgs_smaller(end, width);
    *low = begin;
    return end > begin ? end : begin;
}

static int element(const struct sgs_conv_layout *conv, const struct lane *lane, int64_t i, int zero)
{
    int64_t at = lane->first + i * conv->stride;
    if (lane->outside || at < 0 || at >= conv->length)
        return zero;
    return conv->narrow ? ((const uint8_t *)lane->x)[at] : ((const int16_t *)(const void *)lane->x)[at];
}

static void put(const struct sgs_conv_layout *conv, char *to, int64_t place, int lane, int value)
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

static void fill_slowly(const struct sgs_conv_layout *conv, const struct lane *lane, int64_t from, int64_t to,
                        int zero, char *row)
{
    for (int64_t i = from; i < to; i++)
        for (int k = 0; k < conv->lanes; k++)
            put(conv, row, i, k, element(conv, lane + k, i, zero));
}

/* `width` places of a row of the panel: all lanes are inside the input between `low` and `high`. */
static void fill_row(const struct sgs_kernels *kernels, const struct sgs_conv_layout *conv, const struct lane *lane,
                     int64_t width, int zero, char *row)
{
    int64_t low = 0, high = width;
    for (int k = 0; k < conv->lanes; k++) {
        int64_t begin, end = inside(conv, lane + k, width, &begin);
        low = begin > low ? begin : low;
        high = sgs_smaller(end, high);
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

/* Lane `k` of a channel group, for line `line` of the output. */
static struct lane lane_of(const struct sgs_conv_layout *conv, const char *x, int64_t group, int64_t slot, int k,
                           int64_t line)
{
    int64_t channel = conv->by_taps ? 0 : slot * conv->lanes + k;
    if (channel >= conv->depth)
        channel = slot * conv->lanes; /* its weight is 0 */
    int64_t row = line * conv->stride_high + channel % conv->high * conv->dilation_high - conv->before_high;
    int64_t plane = group * (conv->depth / conv->high) + channel / conv->high;
    bool outside = row < 0 || row >= conv->height;
    int64_t at = (plane * conv->height + (outside ? 0 : row)) * conv->length;
    return (struct lane){x + at * (conv->narrow ? 1 : 2), 0, outside};
}

void sgs_conv_fill(const struct sgs_call *call, const struct sgs_conv_layout *conv, const struct sgs_conv_block *block,
                   char *panel)
{
    const char *x = sgs_call_source(call, 0);
    int64_t unit = conv->by_taps ? conv->lanes : 1;
    int zero = sgs_call_in(call, 0)->zero;
    for (int64_t i = 0; i < conv->residues; i++) {
        int64_t base = block->first * conv->stride + i * unit * conv->dilation % conv->stride - conv->before;
        for (int64_t slot = 0; slot < conv->slots; slot++)
            for (int64_t t = 0; t < block->lines; t++) {
                struct lane lane[4];
                for (int k = 0; k < conv->lanes; k++) {
                    lane[k] = lane_of(conv, x, block->group, slot, k, block->line + t);
                    lane[k].first = base + (conv->by_taps ? k * conv->dilation : 0);
                }
                fill_row(call->setup->kernels, conv, lane, block->columns + conv->reach, zero,
                         panel + (i * conv->slots + slot) * conv->row_bytes + 4 * t * conv->segment);
            }
    }
}

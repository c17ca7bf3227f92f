/* A convolution laid out for the kernels: what conv_prepare.c decides, conv_panel.c fills and conv.c runs.
 *
 * A panel holds a block of places of the input as groups of 4 bytes, so that a tile multiplies whole groups: where a
 * group of the convolution has several channels, elements of neighbouring channels at one place; where it has one,
 * neighbouring taps of it. Places are sorted by their remainder modulo the stride, so that the places of one tap lie
 * next to each other whatever the stride is. int16 lies in two parts, 256 * high + low: sums of either fit 32 bits.
 *
 * A line of an output plane is a convolution in one dimension of the rows that its window covers: they count as
 * channels, for which the weights lie in the file as they should. Several short lines share a panel, one after the
 * other. Where the window is one element, the plane is one long line. */
#ifndef SGS_CONV_H
#define SGS_CONV_H

#include <stdbool.h>
#include <stdint.h>

#include "operators.h"

struct sgs_conv_layout {
    bool narrow, quads, by_taps, single; /* uint8; groups of 4 uint8; one channel a group; few rows: one at a time */
    int lanes, parts;                    /* elements of a group; 2 parts of int16 */
    int64_t group, rows, depth, taps;    /* rows of one group; its channels by rows of the window; taps of one */
    int64_t stride, dilation, before, length; /* along a line */
    int64_t high, stride_high, dilation_high, before_high, height; /* of the window across lines; rows of a plane */
    int64_t line, lines, places;         /* of an output plane: places of a line, lines, both together */
    int64_t slots, residues, reach; /* channel groups; remainders; how far the last tap lies behind the first */
    int64_t steps, chunk;
    int64_t block, cuts, together, segment; /* places at once of a line cut so often, or lines at once, so far apart */
    int64_t width, blocks;
    int64_t row_bytes, part_bytes; /* of a panel */
    int64_t packed_rows;           /* of a group's weights */
    const int32_t *offset;
    const void *weight;
};

/* `columns` places from `first` on of `lines` lines of a group's output. */
struct sgs_conv_block {
    int64_t group, line, lines, first, columns;
};

static inline int64_t sgs_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool sgs_conv_measure(const struct sgs_setup *setup, struct sgs_need *need, struct sgs_failure *failure);

/* Lay out weights and offsets; `state` is zero. */
void sgs_conv_prepare(const struct sgs_setup *setup, void *state);

/* The input of a block; what tiles read beyond it counts for nothing. */
void sgs_conv_fill(const struct sgs_call *call, const struct sgs_conv_layout *conv, const struct sgs_conv_block *block,
                   char *panel);

#endif

/* Triangular filters over the lines of a spectrum, on either mel scale. */
#ifndef SGS_FILTERS_H
#define SGS_FILTERS_H

#include <stddef.h>
#include <stdint.h>

enum sgs_scale {
    SGS_HTK,   /* 1127 ln(1 + f / 700); triangles over mels with peak 1 */
    SGS_SLANEY /* linear to 1000 Hz, then logarithmic; triangles over hertz with area 1 */
};

/* `lines` of a spectrum from 0 to half the rate; those below `first_line` count for nothing. */
struct sgs_filter_plan {
    enum sgs_scale scale;
    uint32_t sample_rate_hz;
    int lines, first_line, channels;
    double low_hz, high_hz;
};

struct sgs_band {
    int first, count;     /* lines */
    const double *weight; /* of each */
};

/* The most weights that there can be: a line lies under two triangles at most. */
size_t sgs_filter_weights(const struct sgs_filter_plan *plan);

/* Fill `band` (channels) and `weight`; `place` (lines) and `edge` (channels + 2) are to work in. */
void sgs_filters_fill(const struct sgs_filter_plan *plan, struct sgs_band *band, double *weight, double *place,
                      double *edge);

/* What passes: the sum of `power` (lines) under a band. */
double sgs_band_energy(const struct sgs_band *band, const double *power);

#endif

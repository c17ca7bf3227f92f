/* Spectral features of a clip: MFCC, both log-mels of EfficientAT, and the mel of the speaker embeddings.
 *
 * The formulas and their order are those of board_runner/frontends/, in double precision; what comes out is rounded
 * to float32. Windows, filters and cosines are computed when it is opened, from the numbers that INFO states. */
#ifndef SGS_MEL_FEATURES_H
#define SGS_MEL_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "fft.h"
#include "filters.h"
#include "image.h"
#include "wav.h"

enum sgs_recipe { SGS_MFCC, SGS_LOG_MEL, SGS_LOG_MEL_TENSORFLOW, SGS_SPEAKER_MEL };

struct sgs_features {
    enum sgs_recipe recipe;
    uint32_t sample_rate_hz;
    int64_t samples, frames; /* what a clip is brought to; what comes out */
    int fft, window, stride, channels, coefficients;
    double low_hz, high_hz, emphasis;
    void *memory; /* holds all that follows */
    struct sgs_fft transform;
    struct sgs_band *band;
    double *weight;  /* of the filters */
    double *taper;   /* window */
    double *signal;  /* fft + 2: a frame, then its power */
    double *cosine;  /* channels * coefficients */
    double *energy;  /* channels + 2 */
    float *raw;      /* window + 1 */
};

/* Read and check the recipe's numbers in INFO, and compute the tables. Nothing is left to close on failure. */
bool sgs_features_open(struct sgs_features *features, enum sgs_recipe recipe, const struct sgs_image *image,
                       struct sgs_failure *failure);
void sgs_features_close(struct sgs_features *features);

/* Sizes of the result: rows * columns values, row by row. */
int64_t sgs_features_rows(const struct sgs_features *features);
int64_t sgs_features_columns(const struct sgs_features *features);

/* The features of one mono clip of the right rate; false where it is too short for one. */
bool sgs_features_fill(const struct sgs_features *features, const struct sgs_wav *wav, float *out,
                       struct sgs_failure *failure);

/* A step of sgs_features_open: the numbers of INFO. */
bool sgs_features_read(struct sgs_features *features, const struct sgs_image *image, struct sgs_failure *failure);

/* Mono samples of a clip brought to its length, and the signal that frames are cut from. */
struct sgs_clip {
    const struct sgs_wav *wav;
    int64_t first, there; /* samples of the wav that count */
    int64_t length;       /* of the signal */
    int lead;             /* signal i is sample i + lead less `emphasis` times the one before */
    bool reflects;        /* at its ends, instead of silence beyond them */
};

/* A window from signal `from` on, weighed, into features->signal, with zeros up to its length. */
void sgs_clip_frame(const struct sgs_features *features, const struct sgs_clip *clip, int64_t from);

#endif

/* What a model makes of a wav before its first instruction. */
#ifndef SGS_FRONT_END_H
#define SGS_FRONT_END_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "mel_features.h"
#include "image.h"
#include "wav.h"

enum sgs_model { SGS_EAT, SGS_ECAPA, SGS_EFFICIENTAT, SGS_KWS, SGS_MODELS };

/* From `model`, `sample_rate_hz` and `front_end.*` of INFO. */
struct sgs_front_end {
    enum sgs_model model;
    uint32_t sample_rate_hz;
    float peak;      /* EAT's; the others have features */
    int64_t samples;
    struct sgs_features features;
};

/* Read and check INFO, compute tables; a model that the runtime does not know is refused by name. Nothing is left to
 * close on failure, and closing one that was never opened, all zeros, does nothing. */
bool sgs_front_end_open(struct sgs_front_end *front_end, const struct sgs_image *image, struct sgs_failure *failure);
void sgs_front_end_close(struct sgs_front_end *front_end);

/* As Python names it. */
const char *sgs_model_name(enum sgs_model model);

/* Whether the program has one input, of float32, that takes just what the front end makes. */
bool sgs_front_end_fits(const struct sgs_front_end *front_end, const struct sgs_image *image,
                        struct sgs_failure *failure);

/* The model's input from a mono wav of the right rate; false where the wav is too short for it. */
bool sgs_front_end_fill(const struct sgs_front_end *front_end, const struct sgs_wav *wav, float *input,
                        struct sgs_failure *failure);

#endif

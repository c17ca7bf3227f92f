/* What a model makes of a wav before its first instruction, and of its outputs after the last. */
#ifndef SGS_FRONT_END_H
#define SGS_FRONT_END_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "failure.h"
#include "image.h"
#include "wav.h"

/* EAT's: `front_end.*`, `model` and `sample_rate_hz` of INFO. */
struct sgs_front_end {
    uint32_t sample_rate_hz;
    float peak;
    int64_t samples;
};

/* Read and check INFO; a model that the runtime does not know is refused by name. */
bool sgs_front_end_open(struct sgs_front_end *front_end, const struct sgs_image *image, struct sgs_failure *failure);

/* Whether the program takes one clip of that many samples and gives one vector of scores. */
bool sgs_front_end_fits(const struct sgs_front_end *front_end, const struct sgs_image *image,
                        struct sgs_failure *failure);

/* Bring the largest magnitude of the whole clip to the peak, cut or fill with zeros; silence stays silence. */
void sgs_front_end_fill(const struct sgs_front_end *front_end, const struct sgs_wav *wav, float *input);

/* The class with the largest score, the first of equals; false where one is not finite. */
bool sgs_best_class(const struct sgs_image *image, const int16_t *levels, int *class_id, struct sgs_failure *failure);

#endif

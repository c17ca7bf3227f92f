/* What a model says of a clip, from its outputs. */
#ifndef SGS_ANSWER_H
#define SGS_ANSWER_H

#include <stdbool.h>

#include "engine.h"
#include "failure.h"
#include "front_end.h"
#include "image.h"

/* A class, or the levels of an embedding as they came out of the network: a value is level * scale. */
struct sgs_answer {
    int class_id;
    const int16_t *levels; /* NULL where there is a class */
    int64_t count;
    float scale;
};

/* The class with the largest score, the first of equals; of ECAPA-TDNN the output `embedding`. Scores are the output
 * `logits` of EfficientAT, and the only output of EAT and of keyword spotting. False where an output is missing, a
 * score is not finite, or an embedding has no direction. */
bool sgs_answer_find(struct sgs_answer *answer, const struct sgs_engine *engine, const struct sgs_image *image,
                     enum sgs_model model, struct sgs_failure *failure);

#endif

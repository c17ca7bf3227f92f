/* What a model says of a clip, from its outputs. */
#ifndef SGS_ANSWER_H
#define SGS_ANSWER_H

#include <stdbool.h>

#include "engine.h"
#include "failure.h"
#include "front_end.h"
#include "image.h"

/* The class with the largest score, the first of equals. False where there are no scores: the model has no classes,
 * an output is missing, a score is not finite. Scores are the output `logits` of EfficientAT, and the only output of
 * EAT and of keyword spotting. */
bool sgs_best_class(const struct sgs_engine *engine, const struct sgs_image *image, enum sgs_model model,
                    int *class_id, struct sgs_failure *failure);

#endif

/* A window that slides over planes (C, H, W): of a convolution, or of maxpool. In one dimension the height is 1. */
#ifndef SGS_WINDOW_H
#define SGS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "program.h"

enum { SGS_HIGH, SGS_WIDE, SGS_PLANE }; /* along the height, along the width */

struct sgs_window {
    int axes; /* 1 or 2 */
    int64_t group; /* 1 for maxpool */
    int64_t size[SGS_PLANE], kernel[SGS_PLANE]; /* of the input's plane; of the window */
    int64_t stride[SGS_PLANE], dilation[SGS_PLANE], before[SGS_PLANE], after[SGS_PLANE];
    int64_t places[SGS_PLANE]; /* of the output's plane; set by sgs_window_slide */
};

/* What an instruction says; false where its integers, its weight and its input have not as many axes. */
bool sgs_window_read(const struct sgs_program *program, const struct sgs_step *step, struct sgs_window *window,
                     struct sgs_failure *failure);

/* How many windows fit; false where none does, or padding passes what is sane. */
bool sgs_window_slide(struct sgs_window *window, int64_t channels, struct sgs_failure *failure);

/* Of an instruction that has been checked. */
struct sgs_window sgs_window_of(const struct sgs_program *program, const struct sgs_step *step);

#endif

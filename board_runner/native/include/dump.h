/* Outputs as the vendor's simulator writes and counts them. */
#ifndef SGS_DUMP_H
#define SGS_DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine.h"
#include "failure.h"
#include "image.h"

/* The blocks `Input(0):` and `Output(0):` on stdout. */
void sgs_say_model(const struct sgs_image *image);

/* `All outputs XOR`: byte k of all raw outputs, k running on, is combined into byte k mod 4 of a word. */
uint32_t sgs_fingerprint(const struct sgs_engine *engine, const struct sgs_image *image);

/* Every output as text: float32 levels times scale, six decimals, 16 a line. */
bool sgs_write_outputs(const struct sgs_engine *engine, const struct sgs_image *image, const char *path,
                       struct sgs_failure *failure);

/* Raw levels of an instruction's output into FOLDER/NNNN.bin, row by row, little-endian. */
bool sgs_write_levels(const struct sgs_engine *engine, const struct sgs_image *image, int step, const char *folder,
                      struct sgs_failure *failure);

#endif

/* The inputs of dla_simulator: rows of files, and how they are written. */
#ifndef SGS_SIMULATOR_H
#define SGS_SIMULATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "engine.h"
#include "failure.h"
#include "image.h"

/* `path` has count * columns entries, a row after the other; `is_float` one an input: RAWDATA_NHWC. */
struct sgs_rows {
    char **path;
    bool *is_float;
    size_t count, columns, formats;
};

/* Whether every word between commas and blanks is a format. */
bool sgs_formats_known(const char *formats);

/* The rows that `-i` names: one row of several files, or a row a file of a folder. `status` is what the program
 * ends with on failure. To be closed also then. */
bool sgs_rows_open(struct sgs_rows *rows, const char *inputs, const char *formats, int *status,
                   struct sgs_failure *failure);
void sgs_rows_close(struct sgs_rows *rows);

/* Fill input `index` from a file of exactly its size. */
bool sgs_read_input(const struct sgs_engine *engine, const struct sgs_image *image, int index, const char *path,
                    bool is_float, struct sgs_failure *failure);

#endif

/* Numbers and words of an image's INFO. */
#ifndef SGS_INFO_H
#define SGS_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "image.h"

enum { SGS_INFO_TEXT = 64 };

/* The value of a key; refused where it is not there, empty or longer than 63 bytes. */
bool sgs_info_text(const struct sgs_image *image, const char *key, char text[SGS_INFO_TEXT],
                   struct sgs_failure *failure);

/* A whole number from `least` to `most`. */
bool sgs_info_whole(const struct sgs_image *image, const char *key, int64_t least, int64_t most, int64_t *number,
                    struct sgs_failure *failure);

/* A finite number. */
bool sgs_info_real(const struct sgs_image *image, const char *key, double *number, struct sgs_failure *failure);

#endif

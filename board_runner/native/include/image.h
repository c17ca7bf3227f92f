/* eat.img: the container, its INFO lines, and the program in it, every bound checked. */
#ifndef SGS_IMAGE_H
#define SGS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "program.h"

#define SGS_IMAGE_MAX_BYTES (UINT64_C(1) << 31)
#define SGS_IMAGE_ALIGNMENT 64

enum sgs_section { SGS_INFO, SGS_NAME, SGS_VALU, SGS_TENS, SGS_CODE, SGS_LIST, SGS_PORT, SGS_DATA, SGS_SECTIONS };

struct sgs_part {
    const uint8_t *bytes;
    size_t length;
};

struct sgs_image {
    uint32_t version;
    struct sgs_part section[SGS_SECTIONS];
    uint64_t arena_bytes;
    struct sgs_program program;
};

bool sgs_is_image(const uint8_t *file, size_t length);

/* Check `file`, which lies at a multiple of 64 and outlives the image, and read its tables. On failure nothing is
 * left to free. */
bool sgs_image_open(struct sgs_image *image, const uint8_t *file, size_t length, struct sgs_failure *failure);
void sgs_image_close(struct sgs_image *image);

/* The value of a key of INFO into `text`; false where it is not there or longer than `room`. */
bool sgs_image_info(const struct sgs_image *image, const char *key, char *text, size_t room);

/* Steps of sgs_image_open. */
bool sgs_container_split(struct sgs_image *image, const uint8_t *file, size_t length, struct sgs_failure *failure);
bool sgs_read_program(struct sgs_image *image, struct sgs_failure *failure);
void sgs_program_free(struct sgs_program *program);
bool sgs_check_version(const struct sgs_image *image, struct sgs_failure *failure);
bool sgs_check_shapes(const struct sgs_program *program, struct sgs_failure *failure);
bool sgs_check_constants(const struct sgs_program *program, struct sgs_failure *failure);
bool sgs_check_plan(struct sgs_program *program, uint64_t arena_bytes, struct sgs_failure *failure);

#endif

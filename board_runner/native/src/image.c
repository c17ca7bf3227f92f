/* The outside of eat.img: header, section table, checksums, INFO; and the order in which all is checked. */
#include "image.h"

#include <string.h>

#include "bytes.h"
#include "sha256.h"

enum { HEADER_BYTES = 64, SECTION_BYTES = 24, OLDEST = 2, NEWEST = 3 };

static const char magic[8] = "SGSDIMG";
static const char tags[] = "INFONAMEVALUTENSCODELISTPORTDATA";

bool sgs_is_image(const uint8_t *file, size_t length)
{
    return length >= sizeof magic && memcmp(file, magic, sizeof magic) == 0;
}

static bool check_digest(const uint8_t *file, size_t length)
{
    static const uint8_t zeros[32];
    struct sgs_sha256 sha;
    uint8_t digest[32];
    sgs_sha256_begin(&sha);
    sgs_sha256_add(&sha, file, 32);
    sgs_sha256_add(&sha, zeros, sizeof zeros);
    sgs_sha256_add(&sha, file + HEADER_BYTES, length - HEADER_BYTES);
    sgs_sha256_end(&sha, digest);
    return memcmp(digest, file + 32, sizeof digest) == 0;
}

static bool read_section(struct sgs_part *part, const uint8_t *file, size_t length, int number,
                         struct sgs_failure *failure)
{
    const uint8_t *entry = file + HEADER_BYTES + SECTION_BYTES * number;
    const char *tag = tags + 4 * number;
    uint64_t offset = sgs_u64(entry + 8), bytes = sgs_u64(entry + 16);
    if (memcmp(entry, tag, 4) != 0 || offset % SGS_IMAGE_ALIGNMENT || offset > length || bytes > length - offset)
        return sgs_fail(failure, "damaged image: section %.4s is not where the table says", tag);
    part->bytes = file + offset;
    part->length = (size_t)bytes;
    if (sgs_crc32(part->bytes, part->length) != sgs_u32(entry + 4))
        return sgs_fail(failure, "damaged image: wrong checksum of section %.4s", tag);
    return true;
}

bool sgs_container_split(struct sgs_image *image, const uint8_t *file, size_t length, struct sgs_failure *failure)
{
    if (!sgs_is_image(file, length))
        return sgs_fail_hint(failure, "a vendor's .img runs on the IPU only", "not an image of this runner");
    if (length < HEADER_BYTES + SECTION_BYTES * SGS_SECTIONS)
        return sgs_fail(failure, "damaged image: cut short");
    image->version = sgs_u32(file + 8);
    if (image->version < OLDEST || image->version > NEWEST)
        return sgs_fail_hint(failure, "convert the model again, or bring the runner to the converter's version",
                             "an image of version %lu; this runner reads %d and %d", (unsigned long)image->version,
                             OLDEST, NEWEST);
    if (sgs_u32(file + 12) != SGS_SECTIONS || sgs_u64(file + 16) != length)
        return sgs_fail(failure, "damaged image: %zu bytes, %llu expected", length,
                        (unsigned long long)sgs_u64(file + 16));
    image->arena_bytes = sgs_u64(file + 24);
    if (!check_digest(file, length))
        return sgs_fail(failure, "damaged image: wrong checksum");
    for (int i = 0; i < SGS_SECTIONS; i++)
        if (!read_section(image->section + i, file, length, i, failure))
            return false;
    if (!sgs_is_utf8(image->section[SGS_INFO].bytes, image->section[SGS_INFO].length))
        return sgs_fail(failure, "damaged image: INFO is not UTF-8");
    return true;
}

bool sgs_image_info(const struct sgs_image *image, const char *key, char *text, size_t room)
{
    const char *at = (const char *)image->section[SGS_INFO].bytes, *end = at + image->section[SGS_INFO].length;
    size_t length = strlen(key);
    bool found = false;
    for (const char *stop; at < end && (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1) {
        size_t line = (size_t)(stop - at);
        if (line <= length || memcmp(at, key, length) != 0 || at[length] != '=')
            continue;
        if (line - length > room) /* one byte is the '=', one the zero at the end */
            return false;
        memcpy(text, at + length + 1, line - length - 1);
        text[line - length - 1] = 0;
        found = true; /* the last of equal keys counts, as in the Python reader */
    }
    return found;
}

bool sgs_image_open(struct sgs_image *image, const uint8_t *file, size_t length, struct sgs_failure *failure)
{
    memset(image, 0, sizeof *image);
    if (!sgs_container_split(image, file, length, failure))
        return false;
    bool good = sgs_read_program(image, failure) && sgs_check_version(image, failure) && sgs_check_shapes(&image->program, failure) &&
                sgs_check_constants(&image->program, failure) &&
                sgs_check_plan(&image->program, image->arena_bytes, failure);
    if (!good)
        sgs_image_close(image);
    return good;
}

void sgs_image_close(struct sgs_image *image)
{
    sgs_program_free(&image->program);
}

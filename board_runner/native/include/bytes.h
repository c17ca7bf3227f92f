/* Numbers and text as they lie in a file. */
#ifndef SGS_BYTES_H
#define SGS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the runtime uses a file's numbers in place: little-endian machines only"
#endif

static inline uint16_t sgs_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t sgs_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t sgs_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* CRC-32 of zlib and PNG. */
uint32_t sgs_crc32(const uint8_t *p, size_t n);

/* That of bytes whose beginning has the CRC-32 `before`. */
uint32_t sgs_crc32_after(uint32_t before, const uint8_t *p, size_t n);

/* Whether `n` bytes are UTF-8 as Python decodes it: no surrogates, nothing overlong. */
bool sgs_is_utf8(const uint8_t *p, size_t n);

#endif

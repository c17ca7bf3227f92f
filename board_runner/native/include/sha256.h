/* SHA-256 (FIPS 180-4), fed piece by piece. */
#ifndef SGS_SHA256_H
#define SGS_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sgs_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
};

void sgs_sha256_begin(struct sgs_sha256 *sha);
void sgs_sha256_add(struct sgs_sha256 *sha, const uint8_t *p, size_t n);
void sgs_sha256_end(struct sgs_sha256 *sha, uint8_t digest[32]);

#endif

/* Wav files: PCM of 8, 16, 24, 32 bits, float32 and float64, plain or with an extensible header. */
#ifndef SGS_WAV_H
#define SGS_WAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define SGS_WAV_MAX_BYTES (1u << 28)

struct sgs_wav {
    const uint8_t *samples; /* inside the file's bytes */
    size_t frames;
    uint32_t sample_rate_hz;
    uint16_t channels;
    uint8_t width; /* bytes a sample */
    bool is_float;
};

/* Find the samples and check that all are there and finite; nothing is copied or allocated. */
bool sgs_wav_parse(struct sgs_wav *wav, const uint8_t *file, size_t length, struct sgs_failure *failure);

/* Refuse another rate and more than one channel, with the cure. */
bool sgs_wav_require(const struct sgs_wav *wav, uint32_t sample_rate_hz, struct sgs_failure *failure);

/* Samples `first` to `first + count` of the whole file, all channels in turn, as float32 in -1..1. */
void sgs_wav_floats(const struct sgs_wav *wav, size_t first, size_t count, float *out);

#endif

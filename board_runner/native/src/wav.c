/* Wav files, read as board_runner/audio.py reads them: same samples, same refusals. */
#include "wav.h"

#include <math.h>
#include <string.h>

#include "bytes.h"

enum { PCM = 1, FLOAT = 3, EXTENSIBLE = 0xFFFE };

static const char prepare[] = "`deploy prepare FILE` makes the wav that the board program reads";

static const char mend[] = "copy or record it again, or leave it out"; /* where nothing better is known */

static const char *codec_name(unsigned codec)
{
    switch (codec) {
    case PCM: return "PCM";
    case 2: return "ADPCM";
    case FLOAT: return "float";
    case 6: return "A-law";
    case 7: return "mu-law";
    case 17: return "IMA ADPCM";
    case 49: return "GSM 6.10";
    case 80: return "MPEG";
    case 85: return "MP3";
    default: return "number";
    }
}

struct header {
    unsigned codec, channels, block_bytes, bits;
    uint32_t sample_rate_hz;
};

static bool read_header(struct header *header, const uint8_t *p, size_t n, struct sgs_failure *failure)
{
    static const uint8_t tail[14] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    if (n < 16)
        return sgs_fail(failure, "damaged header: %zu bytes of 16", n);
    header->codec = sgs_u16(p);
    header->channels = sgs_u16(p + 2);
    header->sample_rate_hz = sgs_u32(p + 4);
    header->block_bytes = sgs_u16(p + 12);
    header->bits = sgs_u16(p + 14);
    if (header->codec == EXTENSIBLE) {
        if (n < 40 || memcmp(p + 26, tail, sizeof tail) != 0)
            return sgs_fail_hint(failure, prepare, "unsupported codec: an extended header of an unknown kind");
        header->codec = sgs_u16(p + 24);
    }
    if (header->channels == 0)
        return sgs_fail(failure, "damaged header: it states no channels");
    if (header->sample_rate_hz == 0)
        return sgs_fail(failure, "damaged header: it states a sample rate of 0 Hz");
    return true;
}

static bool check_layout(struct sgs_wav *wav, const struct header *header, size_t bytes, struct sgs_failure *failure)
{
    unsigned width = (header->bits + 7) / 8;
    bool known = header->codec == PCM ? width >= 1 && width <= 4
                                      : header->codec == FLOAT && (width == 4 || width == 8);
    if (!known)
        return sgs_fail_hint(failure, prepare,
                             "unsupported codec: %s (%u) of %u bits; known are PCM 8, 16, 24, 32 and float 32, 64",
                             codec_name(header->codec), header->codec, header->bits);
    if (header->block_bytes != width * header->channels)
        return sgs_fail(failure, "damaged header: %u bytes a frame, yet %u channels of %u bits",
                        header->block_bytes, header->channels, header->bits);
    if (bytes % header->block_bytes)
        return sgs_fail(failure, "truncated: %zu bytes of a last frame of %u bytes", bytes % header->block_bytes,
                        header->block_bytes);
    if (bytes == 0)
        return sgs_fail(failure, "no samples: the file holds a header only");
    wav->frames = bytes / header->block_bytes;
    wav->sample_rate_hz = header->sample_rate_hz;
    wav->channels = (uint16_t)header->channels;
    wav->width = (uint8_t)width;
    wav->is_float = header->codec == FLOAT;
    return true;
}

/* The header, and where the samples lie; what follows them is not looked at. */
static bool scan(struct header *header, size_t *start, size_t *size, const uint8_t *file, size_t length,
                 struct sgs_failure *failure)
{
    if (length < 12 || memcmp(file, "RIFF", 4) != 0 || memcmp(file + 8, "WAVE", 4) != 0)
        return sgs_fail_hint(failure, prepare, "not a wav file");
    const uint8_t *found = NULL;
    size_t found_bytes = 0;
    uint64_t at = 12; /* 64 bits: a chunk may claim 4 GiB on a machine whose size_t has 32 */
    while (at + 8 <= length) {
        const uint8_t *chunk = file + at;
        uint32_t bytes = sgs_u32(chunk + 4);
        uint64_t there = length - at - 8;
        at += 8;
        if (memcmp(chunk, "data", 4) == 0) {
            if (!found)
                return sgs_fail(failure, "the samples come before the header (`fmt ` chunk)");
            if (!read_header(header, found, found_bytes, failure))
                return false;
            if (there < bytes)
                return sgs_fail_hint(failure, "copy the file again; a recorder that was cut off leaves such files",
                                     "truncated: the header states %lu bytes of samples, the file holds %llu",
                                     (unsigned long)bytes, (unsigned long long)there);
            *start = (size_t)at;
            *size = bytes;
            return true;
        }
        if (memcmp(chunk, "fmt ", 4) == 0) {
            found = chunk + 8;
            found_bytes = bytes < there ? bytes : (size_t)there;
        }
        at += (uint64_t)bytes + (bytes & 1);
    }
    return sgs_fail(failure, "no samples: the file ends after %zu bytes without a `data` chunk", length);
}

static bool all_finite(const struct sgs_wav *wav)
{
    float part[256];
    size_t count = wav->frames * wav->channels;
    for (size_t at = 0; at < count; at += 256) {
        size_t n = count - at < 256 ? count - at : 256;
        sgs_wav_floats(wav, at, n, part);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(part[i]))
                return false;
    }
    return true;
}

static bool parse(struct sgs_wav *wav, const uint8_t *file, size_t length, struct sgs_failure *failure)
{
    struct header header;
    size_t start, size;
    if (length == 0)
        return sgs_fail(failure, "the file is empty");
    if (!scan(&header, &start, &size, file, length, failure) || !check_layout(wav, &header, size, failure))
        return false;
    wav->samples = file + start;
    if (wav->is_float && !all_finite(wav))
        return sgs_fail(failure, "holds values that are not finite (NaN or infinity)");
    return true;
}

bool sgs_wav_parse(struct sgs_wav *wav, const uint8_t *file, size_t length, struct sgs_failure *failure)
{
    if (parse(wav, file, length, failure))
        return true;
    if (!*failure->hint)
        memcpy(failure->hint, mend, sizeof mend);
    return false;
}

bool sgs_wav_require(const struct sgs_wav *wav, uint32_t sample_rate_hz, struct sgs_failure *failure)
{
    if (wav->sample_rate_hz != sample_rate_hz)
        return sgs_fail_hint(failure, prepare, "%lu Hz, the model wants %lu Hz", (unsigned long)wav->sample_rate_hz,
                             (unsigned long)sample_rate_hz);
    if (wav->channels != 1)
        return sgs_fail_hint(failure, prepare, "%u channels, the model wants one", wav->channels);
    return true;
}

static void from_floats(const struct sgs_wav *wav, const uint8_t *p, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, p += wav->width) {
        double wide;
        if (wav->width == 4) {
            memcpy(out + i, p, 4);
        } else {
            memcpy(&wide, p, 8);
            out[i] = (float)wide; /* infinity where it does not fit */
        }
    }
}

static int32_t signed24(const uint8_t *p)
{
    uint32_t bits = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    return (int32_t)(bits ^ 0x800000) - 0x800000;
}

void sgs_wav_floats(const struct sgs_wav *wav, size_t first, size_t count, float *out)
{
    const uint8_t *p = wav->samples + first * wav->width;
    if (wav->is_float) {
        from_floats(wav, p, count, out);
        return;
    }
    for (size_t i = 0; i < count; i++, p += wav->width) {
        switch (wav->width) {
        case 1: out[i] = (float)((int)p[0] - 128) * 0x1p-7f; break;
        case 2: out[i] = (float)(int16_t)sgs_u16(p) * 0x1p-15f; break;
        case 3: out[i] = (float)signed24(p) * 0x1p-23f; break;
        default: out[i] = (float)(int32_t)sgs_u32(p) * 0x1p-31f; break;
        }
    }
}

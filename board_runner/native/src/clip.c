/* A clip's samples, and windows cut from them. */
#include "mel_features.h"

/* Samples `from` to `from + count` as float32; silence where the clip has none. */
static void samples(const struct sgs_clip *clip, int64_t from, int64_t count, float *out)
{
    int64_t end = from + count;
    int64_t first = from > 0 ? from : 0, last = end < clip->there ? end : clip->there;
    for (int64_t i = from; i < end && (i < first || i >= last); i++)
        out[i - from] = 0;
    if (first < last)
        sgs_wav_floats(clip->wav, (size_t)(clip->first + first), (size_t)(last - first), out + (first - from));
    for (int64_t i = last > from ? last : from; i < end; i++)
        out[i - from] = 0;
}

/* Where the signal's value at `i` is found, mirrored at the ends without repeating them; -1: nowhere. */
static int64_t mirrored(const struct sgs_clip *clip, int64_t i)
{
    if (i >= 0 && i < clip->length)
        return i;
    if (!clip->reflects)
        return -1;
    return i < 0 ? -i : 2 * (clip->length - 1) - i;
}

static double value(double emphasis, const float pair[2])
{
    return (double)pair[1] - emphasis * (double)pair[0];
}

void sgs_clip_frame(const struct sgs_features *features, const struct sgs_clip *clip, int64_t from)
{
    int window = features->window;
    double *signal = features->signal;
    if (from >= 0 && from + window <= clip->length) {
        samples(clip, from + clip->lead - 1, window + 1, features->raw);
        for (int i = 0; i < window; i++)
            signal[i] = value(features->emphasis, features->raw + i) * features->taper[i];
    } else {
        for (int i = 0; i < window; i++) {
            int64_t at = mirrored(clip, from + i);
            float pair[2] = {0, 0};
            if (at >= 0)
                samples(clip, at + clip->lead - 1, 2, pair);
            signal[i] = value(features->emphasis, pair) * features->taper[i];
        }
    }
    for (int i = window; i < features->fft; i++)
        signal[i] = 0;
}

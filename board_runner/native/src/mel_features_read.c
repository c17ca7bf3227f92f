/* The numbers of a front end, as an image's INFO states them. */
#include <string.h>

#include "mel_features.h"
#include "info.h"

enum { MOST_CHANNELS = 1024 };

struct whole {
    const char *key;
    int64_t most;
    int *place;
};

static bool read_wholes(const struct whole *whole, int count, const struct sgs_image *image,
                        struct sgs_failure *failure)
{
    for (int i = 0; i < count; i++) {
        int64_t number;
        if (!sgs_info_whole(image, whole[i].key, 1, whole[i].most, &number, failure))
            return false;
        *whole[i].place = (int)number;
    }
    return true;
}

static bool read_common(struct sgs_features *features, const struct sgs_image *image, struct sgs_failure *failure)
{
    const struct whole whole[] = {{"front_end.stride", SGS_MAX_ELEMENTS, &features->stride},
                                  {"front_end.channels", MOST_CHANNELS, &features->channels}};
    int64_t rate;
    if (!sgs_info_whole(image, "sample_rate_hz", 1, UINT32_MAX, &rate, failure) ||
        !read_wholes(whole, 2, image, failure) ||
        !sgs_info_real(image, "front_end.low_hz", &features->low_hz, failure) ||
        !sgs_info_real(image, "front_end.high_hz", &features->high_hz, failure))
        return false;
    features->sample_rate_hz = (uint32_t)rate;
    if (features->low_hz < 0 || features->low_hz >= features->high_hz || features->high_hz > (double)rate / 2)
        return sgs_fail(failure, "damaged image: filters from %g to %g Hz at %lld Hz", features->low_hz,
                        features->high_hz, (long long)rate);
    return true;
}

static int power_of_two(int least)
{
    int length = 1;
    while (length < least)
        length *= 2;
    return length;
}

static bool read_mfcc(struct sgs_features *features, const struct sgs_image *image, struct sgs_failure *failure)
{
    const struct whole whole[] = {{"front_end.window", SGS_FFT_MOST, &features->window},
                                  {"front_end.coefficients", features->channels, &features->coefficients}};
    if (!sgs_info_whole(image, "front_end.samples", 1, SGS_MAX_ELEMENTS, &features->samples, failure) ||
        !read_wholes(whole, 2, image, failure))
        return false;
    if (features->samples < features->window)
        return sgs_fail(failure, "damaged image: MFCC of fewer samples than its window has");
    features->fft = power_of_two(features->window);
    features->frames = 1 + (features->samples - features->window) / features->stride;
    return true;
}

static bool read_log_mel(struct sgs_features *features, const struct sgs_image *image, struct sgs_failure *failure)
{
    const struct whole whole[] = {{"front_end.fft", SGS_MAX_ELEMENTS, &features->fft},
                                  {"front_end.window", SGS_MAX_ELEMENTS, &features->window}};
    char variant[SGS_INFO_TEXT];
    if (!sgs_info_text(image, "front_end.variant", variant, failure) || !read_wholes(whole, 2, image, failure) ||
        !sgs_info_whole(image, "front_end.samples", 1, SGS_MAX_ELEMENTS, &features->samples, failure) ||
        !sgs_info_real(image, "front_end.emphasis", &features->emphasis, failure))
        return false;
    bool port = strcmp(variant, "tensorflow") == 0;
    if (!port && strcmp(variant, "original") != 0)
        return sgs_fail_hint(failure, "there are original and tensorflow", "log-mel variant '%s'", variant);
    if (features->window > features->fft || features->samples <= features->fft)
        return sgs_fail(failure, "damaged image: log-mel of %lld samples, a window of %d in an FFT of %d",
                        (long long)features->samples, features->window, features->fft);
    features->recipe = port ? SGS_LOG_MEL_TENSORFLOW : SGS_LOG_MEL;
    features->frames = port ? (features->samples + features->stride - 1) / features->stride
                            : 1 + (features->samples - 1) / features->stride;
    return true;
}

static bool read_speaker_mel(struct sgs_features *features, const struct sgs_image *image,
                             struct sgs_failure *failure)
{
    const struct whole whole[] = {{"front_end.fft", SGS_MAX_ELEMENTS, &features->fft}};
    if (!sgs_info_whole(image, "front_end.frames", 1, SGS_MAX_ELEMENTS, &features->frames, failure) ||
        !read_wholes(whole, 1, image, failure))
        return false;
    features->window = features->fft;
    return true;
}

bool sgs_features_read(struct sgs_features *features, const struct sgs_image *image, struct sgs_failure *failure)
{
    if (!read_common(features, image, failure))
        return false;
    bool good = features->recipe == SGS_MFCC          ? read_mfcc(features, image, failure)
                : features->recipe == SGS_SPEAKER_MEL ? read_speaker_mel(features, image, failure)
                                                      : read_log_mel(features, image, failure);
    if (!good)
        return false;
    if (!sgs_fft_knows(features->fft))
        return sgs_fail(failure,
                        "an FFT of %d, which the runner lacks; it knows even lengths up to %d without prime factors "
                        "above %d",
                        features->fft, SGS_FFT_MOST, SGS_FFT_PRIME);
    return true;
}

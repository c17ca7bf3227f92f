/* Features of clips: the tables, and what a frame's power becomes. */
#define _GNU_SOURCE /* M_PI */
#include "mel_features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const double mfcc_floor = 1e-12, log_mel_offset = 1e-5, speaker_floor = 1e-5;
static const float no_frame = -1; /* what stands for frames that a clip does not have */

_Static_assert(sizeof(struct sgs_band) <= 2 * sizeof(double), "bands are laid out among doubles");

static int lines(const struct sgs_features *features)
{
    return features->fft / 2 + 1;
}

static struct sgs_filter_plan filter_plan(const struct sgs_features *features)
{
    struct sgs_filter_plan plan = {
        .scale = features->recipe == SGS_SPEAKER_MEL ? SGS_SLANEY : SGS_HTK,
        .sample_rate_hz = features->sample_rate_hz,
        .lines = lines(features),
        .channels = features->channels,
        .low_hz = features->low_hz,
        .high_hz = features->high_hz,
    };
    if (features->recipe == SGS_MFCC) /* HTK leaves out the line next to the lower limit, and direct current */
        plan.first_line = (int)(1.5 + features->low_hz / ((double)features->sample_rate_hz / features->fft));
    return plan;
}

/* The Hann window, sin^2(pi i / n), where n is one less if it is not periodic. */
static void fill_taper(const struct sgs_features *features)
{
    int n = features->window;
    if (features->recipe == SGS_LOG_MEL)
        n = n > 1 ? n - 1 : 1;
    for (int i = 0; i < features->window; i++) {
        double sine = sin(M_PI * i / n);
        features->taper[i] = sine * sine;
    }
}

/* DCT-II with every row scaled by sqrt(2 / channels). */
static void fill_cosine(const struct sgs_features *features)
{
    for (int j = 0; j < features->channels; j++)
        for (int i = 0; i < features->coefficients; i++)
            features->cosine[(size_t)j * features->coefficients + i] =
                sqrt(2.0 / features->channels) * cos(M_PI / features->channels * ((j + 0.5) * i));
}

/* The next `count` doubles of the memory, or of a sum of what will be asked for. */
static double *take(double **next, size_t *used, size_t count)
{
    double *place = *next;
    *used += count;
    if (place)
        *next += count;
    return place;
}

/* Lay all tables out from `memory` on, or count only where it is NULL; gives the doubles. At most 2 million. */
static size_t lay_out(struct sgs_features *features, double *memory)
{
    struct sgs_filter_plan plan = filter_plan(features);
    size_t used = 0, channels = (size_t)features->channels, window = (size_t)features->window;
    double *transform = take(&memory, &used, sgs_fft_doubles(features->fft));
    features->weight = take(&memory, &used, sgs_filter_weights(&plan));
    features->taper = take(&memory, &used, window);
    features->signal = take(&memory, &used, (size_t)features->fft + 2);
    features->cosine = take(&memory, &used, channels * (size_t)features->coefficients);
    features->energy = take(&memory, &used, channels + 2);
    features->band = (void *)take(&memory, &used, 2 * channels);
    features->raw = (void *)take(&memory, &used, window + 1);
    if (transform) {
        sgs_fft_open(&features->transform, features->fft, transform);
        sgs_filters_fill(&plan, features->band, features->weight, features->signal, features->energy);
        fill_taper(features);
        fill_cosine(features);
    }
    return used;
}

bool sgs_features_open(struct sgs_features *features, enum sgs_recipe recipe, const struct sgs_image *image,
                       struct sgs_failure *failure)
{
    memset(features, 0, sizeof *features);
    features->recipe = recipe;
    if (!sgs_features_read(features, image, failure))
        return false;
    size_t bytes = sizeof(double) * lay_out(features, NULL);
    if (bytes > sgs_memory_available() || !(features->memory = calloc(bytes, 1)))
        return sgs_fail_hint(failure, "free memory on the board", "the front end needs %zu KiB of memory",
                             (bytes + 1023) / 1024);
    lay_out(features, features->memory);
    return true;
}

void sgs_features_close(struct sgs_features *features)
{
    free(features->memory);
    features->memory = NULL;
}

int64_t sgs_features_rows(const struct sgs_features *features)
{
    return features->recipe == SGS_MFCC ? features->frames : features->channels;
}

int64_t sgs_features_columns(const struct sgs_features *features)
{
    return features->recipe == SGS_MFCC ? features->coefficients : features->frames;
}

static double at_least(double floor, double value)
{
    return value > floor ? value : floor;
}

/* The energies of a frame's power, or of its magnitudes. */
static void energies(const struct sgs_features *features)
{
    double *power = features->signal;
    sgs_fft_power(&features->transform, features->signal, power);
    if (features->recipe == SGS_MFCC || features->recipe == SGS_SPEAKER_MEL)
        for (int i = 0; i < lines(features); i++)
            power[i] = sqrt(power[i]);
    for (int c = 0; c < features->channels; c++)
        features->energy[c] = sgs_band_energy(features->band + c, power);
}

static void put_mfcc(const struct sgs_features *features, int64_t frame, float *out)
{
    for (int c = 0; c < features->channels; c++)
        features->energy[c] = log(at_least(mfcc_floor, features->energy[c]));
    for (int i = 0; i < features->coefficients; i++) {
        double sum = 0;
        for (int c = 0; c < features->channels; c++)
            sum += features->energy[c] * features->cosine[(size_t)c * features->coefficients + i];
        out[frame * features->coefficients + i] = (float)sum;
    }
}

static void put_mel(const struct sgs_features *features, int64_t frame, float *out)
{
    for (int c = 0; c < features->channels; c++) {
        double energy = features->energy[c];
        double value = features->recipe == SGS_SPEAKER_MEL ? log(at_least(speaker_floor, energy)) * (1.0 / 6) + 1
                                                           : (log(energy + log_mel_offset) + 4.5) / 5;
        out[c * features->frames + frame] = (float)value;
    }
}

/* The features of the frame that begins at `from`. */
static void put_frame(const struct sgs_features *features, const struct sgs_clip *clip, int64_t from, int64_t frame,
                      float *out)
{
    sgs_clip_frame(features, clip, from);
    energies(features);
    if (features->recipe == SGS_MFCC)
        put_mfcc(features, frame, out);
    else
        put_mel(features, frame, out);
}

/* A clip cut or filled at its end (MFCC), or its middle, filled at the end (log-mel). */
static struct sgs_clip fitted(const struct sgs_features *features, const struct sgs_wav *wav)
{
    int64_t given = (int64_t)wav->frames, wanted = features->samples;
    struct sgs_clip clip = {.wav = wav, .there = given < wanted ? given : wanted};
    if (features->recipe != SGS_MFCC && given > wanted)
        clip.first = (given - wanted) / 2;
    clip.lead = features->recipe == SGS_LOG_MEL;
    clip.reflects = features->recipe == SGS_LOG_MEL;
    clip.length = wanted - clip.lead;
    return clip;
}

/* The middle of all frames that the whole clip has; those that it does not have stand at the end. */
static bool fill_speaker(const struct sgs_features *features, const struct sgs_wav *wav, float *out,
                         struct sgs_failure *failure)
{
    int64_t length = (int64_t)wav->frames, half = features->fft / 2, have = 1 + length / features->stride;
    struct sgs_clip clip = {.wav = wav, .there = length, .length = length, .reflects = true};
    if (length <= half)
        return sgs_fail(failure, "the clip has %lld samples, one frame takes %lld", (long long)length,
                        (long long)half + 1);
    int64_t first = have > features->frames ? (have - features->frames) / 2 : 0;
    for (int64_t i = 0; i < features->frames; i++) {
        if (i < have) {
            put_frame(features, &clip, (first + i) * features->stride - half, i, out);
            continue;
        }
        for (int64_t c = 0; c < features->channels; c++)
            out[c * features->frames + i] = no_frame;
    }
    return true;
}

bool sgs_features_fill(const struct sgs_features *features, const struct sgs_wav *wav, float *out,
                       struct sgs_failure *failure)
{
    if (features->recipe == SGS_SPEAKER_MEL)
        return fill_speaker(features, wav, out, failure);
    struct sgs_clip clip = fitted(features, wav);
    int64_t before = 0;
    if (features->recipe == SGS_LOG_MEL) /* the window stands in the middle of an FFT around every `stride`-th */
        before = features->fft / 2 - (features->fft - features->window) / 2;
    for (int64_t i = 0; i < features->frames; i++)
        put_frame(features, &clip, i * features->stride - before, i, out);
    return true;
}

/* What the library says of files, for tests: a line a file, `ok ...` or `refused: MESSAGE`.
 *
 * probe image FILE...       whether each loads and an engine can be made
 * probe wav FILE...         rate, channels, and the samples as 8 hexadecimal digits each
 * probe input IMAGE WAV...  what the front end makes of each, likewise
 * probe fft LENGTH...       the power spectrum of fixed numbers, or `unknown`
 * probe level M S           every int16 through (x M + 2^(s-1)) >> s by all kernels
 * probe sum M0 M1 S         sums of many pairs likewise */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "fft.h"
#include "files.h"
#include "front_end.h"
#include "image.h"
#include "kernels.h"
#include "requant.h"
#include "wav.h"

static void say_floats(const float *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned bits;
        memcpy(&bits, value + i, sizeof bits);
        printf("%08x", bits);
    }
    printf("\n");
}

static bool refuse(const struct sgs_failure *failure)
{
    printf("refused: %s\n", failure->message);
    return false;
}

static bool probe_image(const struct sgs_map *map)
{
    struct sgs_failure failure;
    struct sgs_image image;
    struct sgs_settings settings = {.threads = 1, .memory_bytes = UINT64_C(1) << 28};
    if (!sgs_image_open(&image, map->bytes, map->length, &failure))
        return refuse(&failure);
    struct sgs_engine *engine = sgs_engine_open(&image, &settings, &failure);
    bool good = engine || refuse(&failure);
    if (engine && sgs_engine_run(engine, NULL, NULL))
        printf("ok %s\n", sgs_engine_kernels(engine));
    sgs_engine_close(engine);
    sgs_image_close(&image);
    return good;
}

static bool probe_wav(const struct sgs_map *map)
{
    struct sgs_failure failure;
    struct sgs_wav wav;
    if (!sgs_wav_parse(&wav, map->bytes, map->length, &failure))
        return refuse(&failure);
    size_t count = wav.frames * wav.channels;
    float *samples = malloc(count * sizeof *samples);
    sgs_wav_floats(&wav, 0, count, samples);
    printf("ok %lu %u ", (unsigned long)wav.sample_rate_hz, wav.channels);
    say_floats(samples, count);
    free(samples);
    return true;
}

static bool open_front_end(struct sgs_front_end *front_end, struct sgs_wav *wav, const struct sgs_image *image,
                           const struct sgs_map *map, struct sgs_failure *failure)
{
    return sgs_front_end_open(front_end, image, failure) && sgs_front_end_fits(front_end, image, failure) &&
           sgs_wav_parse(wav, map->bytes, map->length, failure) &&
           sgs_wav_require(wav, front_end->sample_rate_hz, failure);
}

static bool probe_input(const struct sgs_image *image, const struct sgs_map *map)
{
    struct sgs_failure failure;
    struct sgs_front_end front_end = {0};
    struct sgs_wav wav;
    size_t count = (size_t)image->program.value[image->program.input[0].value].count;
    float *input = malloc(count * sizeof *input);
    bool good = open_front_end(&front_end, &wav, image, map, &failure) &&
                sgs_front_end_fill(&front_end, &wav, input, &failure);
    if (good) {
        printf("ok ");
        say_floats(input, count);
    }
    sgs_front_end_close(&front_end);
    free(input);
    return good || refuse(&failure);
}

static int probe_files(const char *what, const struct sgs_image *image, int count, char **paths)
{
    struct sgs_failure failure;
    for (int i = 0; i < count; i++) {
        struct sgs_map map;
        if (!sgs_map_open(&map, paths[i], UINT64_C(1) << 31, &failure))
            refuse(&failure);
        else if (strcmp(what, "image") == 0)
            probe_image(&map);
        else if (image)
            probe_input(image, &map);
        else
            probe_wav(&map);
        sgs_map_close(&map);
    }
    return 0;
}

enum { LEVELS = 65536 };

static int probe_level(long long multiplier, int shift)
{
    static int16_t x[LEVELS], y[LEVELS];
    static uint8_t z[LEVELS];
    struct sgs_level level = sgs_level_of(multiplier, shift), minus = sgs_level_of(multiplier / 3, shift);
    for (int i = 0; i < LEVELS; i++)
        x[i] = (int16_t)(i - 32768);
    for (int k = 0; sgs_kernels_name(k); k++) {
        const struct sgs_kernels *set = sgs_kernels_find(sgs_kernels_name(k));
        int wrong = 0;
        set->scale(x, y, LEVELS, &level);
        set->narrow(x, z, LEVELS, &level, 77);
        for (int i = 0; i < LEVELS; i++) {
            int64_t exact = sgs_rescaled(x[i], multiplier, shift), moved = exact + 77;
            wrong += y[i] != sgs_sat16(exact) || z[i] != (moved < 0 ? 0 : moved > 255 ? 255 : moved);
        }
        set->leaky(x, y, LEVELS, &level, &minus);
        for (int i = 0; i < LEVELS; i++)
            wrong += y[i] != sgs_sat16(sgs_rescaled(x[i], x[i] < 0 ? multiplier / 3 : multiplier, shift));
        printf("%s %d\n", set->name, wrong);
    }
    return 0;
}

static int probe_sum(long long first, long long second, int shift)
{
    static int16_t a[LEVELS], b[LEVELS], y[LEVELS];
    static const int16_t ends[4] = {-32768, 32767, -32767, 0};
    struct sgs_sum sum = sgs_sum_of(first, second, shift);
    for (int i = 0; i < LEVELS; i++) {
        a[i] = i % 3 ? (int16_t)(i - 32768) : ends[i / 3 % 4];
        b[i] = i % 3 == 1 ? (int16_t)(i * 40503) : ends[i / 12 % 4];
    }
    for (int k = 0; sgs_kernels_name(k); k++) {
        const struct sgs_kernels *set = sgs_kernels_find(sgs_kernels_name(k));
        int wrong = 0;
        set->add(a, b, y, LEVELS, &sum);
        for (int i = 0; i < LEVELS; i++)
            wrong += y[i] != sgs_sat16((a[i] * first + b[i] * second + (INT64_C(1) << (shift - 1))) >> shift);
        printf("%s %d\n", set->name, wrong);
    }
    return 0;
}

static void probe_fft(int length)
{
    static double memory[4 * SGS_FFT_MOST], signal[SGS_FFT_MOST], power[SGS_FFT_MOST / 2 + 1];
    struct sgs_fft fft;
    if (!sgs_fft_knows(length)) {
        printf("unknown\n");
        return;
    }
    for (int i = 0; i < length; i++)
        signal[i] = (double)(i * 7919 % 1000) / 1000 - 0.5;
    sgs_fft_open(&fft, length, memory);
    sgs_fft_power(&fft, signal, power);
    for (int k = 0; k <= length / 2; k++)
        printf("%.17g ", power[k]);
    printf("\n");
}

int main(int argc, char **argv)
{
    struct sgs_failure failure;
    struct sgs_image image;
    struct sgs_map map;
    if (argc == 4 && strcmp(argv[1], "level") == 0)
        return probe_level(atoll(argv[2]), atoi(argv[3]));
    if (argc == 5 && strcmp(argv[1], "sum") == 0)
        return probe_sum(atoll(argv[2]), atoll(argv[3]), atoi(argv[4]));
    if (argc < 3)
        return 2;
    for (int i = 2; strcmp(argv[1], "fft") == 0 && i < argc; i++)
        probe_fft(atoi(argv[i]));
    if (strcmp(argv[1], "fft") == 0)
        return 0;
    if (strcmp(argv[1], "input") != 0)
        return probe_files(argv[1], NULL, argc - 2, argv + 2);
    if (!sgs_map_open(&map, argv[2], UINT64_C(1) << 31, &failure) ||
        !sgs_image_open(&image, map.bytes, map.length, &failure))
        return 2;
    int status = probe_files("input", &image, argc - 3, argv + 3);
    sgs_image_close(&image);
    sgs_map_close(&map);
    return status;
}

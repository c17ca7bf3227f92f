/* Damaged images and wav files: each must be refused, or load and run. `fuzz RUNS SEED FILE...`
 *
 * Every second image is damaged behind right checksums, where only the reader's bounds help. The number of the run
 * that fails is printed: `fuzz RUNS SEED FILE...` with FIRST in the environment begins there. With SGS_LIBFUZZER
 * defined it is a target of libFuzzer instead. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "bytes.h"
#include "engine.h"
#include "files.h"
#include "front_end.h"
#include "image.h"
#include "kernels.h"
#include "sha256.h"
#include "wav.h"

#define MEMORY_LIMIT (UINT64_C(8) << 20)
enum { HEADER = 64, ENTRY = 24, SECTIONS = 8 };
enum verdict { REFUSED, LOADED, RAN, VERDICTS };

static enum verdict try_wav(const uint8_t *file, size_t length)
{
    struct sgs_failure failure;
    struct sgs_wav wav;
    float part[64];
    if (!sgs_wav_parse(&wav, file, length, &failure))
        return REFUSED;
    size_t count = wav.frames * wav.channels;
    for (size_t at = 0; at < count; at += 64)
        sgs_wav_floats(&wav, at, count - at < 64 ? count - at : 64, part);
    return sgs_wav_require(&wav, 22050, &failure) ? RAN : LOADED;
}

static void fill_inputs(const struct sgs_engine *engine, const struct sgs_program *program)
{
    for (int i = 0; i < program->inputs; i++) {
        const struct sgs_value *value = program->value + program->input[i].value;
        uint8_t *bytes = sgs_engine_value(engine, (int)program->input[i].value);
        size_t count = (size_t)value->count * sgs_type_bytes(value->type);
        for (size_t k = 0; k < count; k++)
            bytes[k] = (uint8_t)(k * 37 + 11);
    }
}

/* A clip of the file's own bytes through the front end, where the image has one that fits its program. */
static void fill_by_front_end(const struct sgs_engine *engine, const struct sgs_image *image,
                              const struct sgs_front_end *front_end, const uint8_t *file, size_t length)
{
    static unsigned turn;
    struct sgs_failure failure;
    size_t frames = turn++ % 3 ? length / 2 : turn % 64;
    struct sgs_wav wav = {.samples = file, .frames = frames, .channels = 1, .width = 2};
    if (sgs_front_end_fits(front_end, image, &failure))
        sgs_front_end_fill(front_end, &wav, sgs_engine_value(engine, (int)image->program.input[0].value), &failure);
}

static enum verdict try_image(const uint8_t *file, size_t length)
{
    static unsigned turn;
    struct sgs_failure failure;
    struct sgs_image image;
    struct sgs_front_end front_end;
    struct sgs_answer answer;
    if (!sgs_image_open(&image, file, length, &failure))
        return REFUSED;
    enum verdict verdict = LOADED;
    struct sgs_settings settings = {.threads = 1, .memory_bytes = MEMORY_LIMIT};
    for (int i = (int)(turn++ % 4); i >= 0 && !settings.kernels; i--)
        settings.kernels = sgs_kernels_name(i);
    struct sgs_engine *engine = sgs_engine_open(&image, &settings, &failure);
    if (!sgs_front_end_open(&front_end, &image, &failure))
        front_end = (struct sgs_front_end){.model = SGS_MODELS};
    if (engine) {
        fill_inputs(engine, &image.program);
        if (front_end.model != SGS_MODELS)
            fill_by_front_end(engine, &image, &front_end, file, length);
        sgs_engine_run(engine, NULL, NULL);
        if (front_end.model != SGS_MODELS)
            sgs_answer_find(&answer, engine, &image, front_end.model, &failure);
        verdict = RAN;
    }
    sgs_front_end_close(&front_end);
    sgs_engine_close(engine);
    sgs_image_close(&image);
    return verdict;
}

/* Right checksums for whatever the file holds. */
static void reseal(uint8_t *file, size_t length)
{
    struct sgs_sha256 sha;
    if (length < HEADER + ENTRY * SECTIONS)
        return;
    for (int i = 0; i < SECTIONS; i++) {
        uint8_t *entry = file + HEADER + ENTRY * i;
        uint64_t offset = sgs_u64(entry + 8), bytes = sgs_u64(entry + 16);
        if (offset <= length && bytes <= length - offset) {
            uint32_t crc = sgs_crc32(file + offset, (size_t)bytes);
            memcpy(entry + 4, &crc, sizeof crc);
        }
    }
    memset(file + 32, 0, 32);
    uint8_t digest[32];
    sgs_sha256_begin(&sha);
    sgs_sha256_add(&sha, file, length);
    sgs_sha256_end(&sha, digest);
    memcpy(file + 32, digest, sizeof digest);
}

#ifdef SGS_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    uint8_t *copy = aligned_alloc(64, (length + 64) / 64 * 64);
    if (!copy)
        return 0;
    memcpy(copy, data, length);
    try_wav(data, length);
    reseal(copy, length);
    try_image(copy, length);
    free(copy);
    return 0;
}
#else

static uint64_t state;
static volatile uint64_t current;

static uint32_t chance(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) % below);
}

static void begin(uint64_t seed, uint64_t run)
{
    current = run;
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + (run + 1) * UINT64_C(0xD1342543DE82EF95);
    state |= 1;
    for (int i = 0; i < 4; i++)
        chance(2);
}

static uint64_t odd_number(void)
{
    static const uint64_t odd[] = {0, 1, 2, 3, 4, 7, 8, 63, 64, 65, 255, 256, 1023, 1024, 4096, 32767, 32768, 65535,
                                   65536, UINT64_C(1) << 20, UINT64_C(1) << 28, INT32_MAX, UINT64_C(1) << 31,
                                   UINT32_MAX, UINT64_C(1) << 40, UINT64_C(1) << 53, UINT64_C(1) << 61,
                                   UINT64_C(1) << 62, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 1};
    return odd[chance(sizeof odd / sizeof *odd)];
}

/* A few bytes somewhere between `from` and `to`: any, or an odd number of 1, 2, 4 or 8 bytes at a multiple of it. */
static void damage(uint8_t *file, size_t from, size_t to)
{
    size_t width = (size_t)1 << chance(4), at;
    if (to <= from || to - from < width)
        return;
    at = from + chance((uint32_t)(to - from)) / width * width;
    uint64_t number = chance(3) ? odd_number() : sgs_u32(file) + chance(1000);
    if (chance(4) == 0)
        number = (uint64_t)file[at] + (chance(2) ? 1 : 255); /* a neighbour of what is there */
    if (at + width <= to)
        memcpy(file + at, &number, width);
}

/* Another sign in place of a digit, behind the braces of INFO's contract: in a number of the front end. */
static void damage_number(uint8_t *file, size_t from, size_t to)
{
    static const char sign[] = "00112345678999-+.e";
    size_t at = to;
    while (at > from && file[at - 1] != '}')
        at--;
    if (at == to)
        return;
    bool any = chance(6) == 0; /* letters, too: of a key, a model or a variant */
    for (at += chance((uint32_t)(to - at)); at < to; at++)
        if (any || (file[at] >= '0' && file[at] <= '9')) {
            file[at] = (uint8_t)sign[chance(sizeof sign - 1)];
            return;
        }
}

/* A place that matters: header, section table, or one of the tables; DATA seldom. */
static void damage_image(uint8_t *file, size_t length)
{
    for (unsigned n = 1 + chance(3); n; n--) {
        unsigned section = chance(SECTIONS + 2);
        if (section >= SECTIONS) {
            damage(file, 16, HEADER + ENTRY * SECTIONS);
            continue;
        }
        const uint8_t *entry = file + HEADER + ENTRY * section;
        uint64_t offset = sgs_u64(entry + 8), bytes = sgs_u64(entry + 16);
        if (offset >= length || bytes > length - offset)
            continue;
        if (section == SGS_INFO && chance(4))
            damage_number(file, (size_t)offset, (size_t)(offset + bytes));
        else if (section != SECTIONS - 1 || chance(3) == 0)
            damage(file, (size_t)offset, (size_t)(offset + bytes));
    }
}

static enum verdict one_run(const struct sgs_map *seed, uint8_t *copy)
{
    size_t length = seed->length;
    memcpy(copy, seed->bytes, length);
    bool image = sgs_is_image(seed->bytes, length);
    if (chance(8) == 0)
        length = chance((uint32_t)length + 1);
    if (!image) {
        for (unsigned n = chance(6); n; n--)
            damage(copy, 0, length < 96 ? length : 96);
        return try_wav(copy, length);
    }
    if (length >= HEADER + ENTRY * SECTIONS) {
        damage_image(copy, length);
        if (chance(8) == 0)
            length -= chance(64); /* the length in the header may then be right again */
        if (chance(2)) {
            uint64_t whole = length;
            memcpy(copy + 16, &whole, sizeof whole);
            reseal(copy, length);
        }
    }
    return try_image(copy, length);
}

/* Part of every sanitizer's runtime; not there without one. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void say_run(void)
{
    fprintf(stderr, "run %" PRIu64 " failed\n", current);
}

int main(int argc, char **argv)
{
    static const char *const name[VERDICTS] = {"refused", "loaded", "ran"};
    uint64_t runs = argc > 3 ? strtoull(argv[1], NULL, 10) : 0, seed = argc > 3 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t count[VERDICTS] = {0}, first = getenv("FIRST") ? strtoull(getenv("FIRST"), NULL, 10) : 0;
    int files = argc - 3;
    struct sgs_failure failure;
    if (!runs) {
        fprintf(stderr, "usage: fuzz RUNS SEED FILE...\n");
        return 2;
    }
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_run);
    struct sgs_map *map = calloc((size_t)files, sizeof *map);
    size_t most = 0;
    for (int i = 0; i < files; i++) {
        if (!sgs_map_open(map + i, argv[3 + i], UINT64_C(1) << 24, &failure)) {
            fprintf(stderr, "%s: %s\n", argv[3 + i], failure.message);
            return 2;
        }
        most = map[i].length > most ? map[i].length : most;
    }
    for (uint64_t run = first; run < first + runs; run++) {
        begin(seed, run);
        const struct sgs_map *from = map + chance((uint32_t)files);
        uint8_t *copy = aligned_alloc(64, (from->length + 64) / 64 * 64);
        count[one_run(from, copy)]++;
        free(copy);
    }
    for (int i = 0; i < files; i++)
        sgs_map_close(map + i);
    free(map);
    printf("%" PRIu64 " runs, seed %" PRIu64 ":", runs, seed);
    for (int i = 0; i < VERDICTS; i++)
        printf(" %" PRIu64 " %s", count[i], name[i]);
    printf("\n");
    return 0;
}
#endif

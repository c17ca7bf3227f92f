/* prog_dla_dla_simulator -i IN.bin -m eat.img: runs an image on exact input bytes and writes every output to
 * ./output/unknown_MODEL_INPUT.txt, with the options, lines and odd exit statuses of the vendor's program: 0 also
 * after an error, what counts is the line `Done!` and the file.
 *
 * SGS_LEVELS=FOLDER also writes the raw levels that every instruction gives, for comparing runners. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dump.h"
#include "engine.h"
#include "files.h"
#include "image.h"
#include "options.h"
#include "protocol.h"
#include "simulator.h"

#define NAME "prog_dla_dla_simulator"

static const char usage[] =
    "Usage: ./" NAME " [-i] [-m] ([-c] [-f])\n"
    " -h, --help      show this help message and exit\n"
    " -i, --images    path to an input file or a folder of them; for several inputs a file each, with commas\n"
    " -m, --model     path to model file\n"
    " -c, --category  indicate model category (Default is Unknown):\n"
    "                 Unknown\n"
    " -f, --training_formats, --format\n"
    "                 how the input files are written:\n"
    "                 RAWDATA_NHWC / DUMP_RAWDATA";

static bool load(struct sgs_map *file, struct sgs_image *image, const char *path, struct sgs_failure *failure)
{
    struct sgs_failure why;
    bool there = sgs_is_file(path) && sgs_map_open(file, path, SGS_IMAGE_MAX_BYTES, &why);
    int code = there ? SGS_INVALID_MODEL_BUFFER : SGS_FILE_OPERATION;
    if (!there || !sgs_is_image(file->bytes, file->length))
        return sgs_fail(failure, "Get model variable buffer size failed! Error Code: %d", code);
    if (!sgs_image_open(image, file->bytes, file->length, &why))
        return sgs_fail(failure, "Get model variable buffer size failed! Error Code: %d (%.300s: %.150s)", code, path,
                        why.message);
    return true;
}

static bool prepare_folder(struct sgs_failure *failure)
{
    if (mkdir("output", 0777) == 0 || (errno == EEXIST && sgs_is_folder("output")))
        return true;
    return sgs_fail(failure, NAME ": output: %s", strerror(errno));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct levels {
    const struct sgs_image *image;
    const char *folder;
    struct sgs_failure *failure;
};

static bool write_levels(void *context, const struct sgs_engine *engine, int step)
{
    struct levels *levels = context;
    return sgs_write_levels(engine, levels->image, step, levels->folder, levels->failure);
}

/* One row of input files. False: no further row. */
static bool simulate_row(struct sgs_engine *engine, const struct sgs_image *image, const struct sgs_rows *rows,
                         size_t number, const char *model, struct sgs_failure *failure)
{
    char **row = rows->path + number * rows->columns, target[4096];
    struct levels levels = {image, getenv("SGS_LEVELS"), failure};
    int length = snprintf(target, sizeof target, "output/unknown_%s_%s.txt", last_part(model), last_part(row[0]));
    if (length >= (int)sizeof target)
        return sgs_fail(failure, NAME ": %s: a name that is too long", row[0]);
    if (remove(target) != 0 && errno != ENOENT)
        return sgs_fail(failure, NAME ": %s: %s", target, strerror(errno));
    for (size_t i = 0; i < rows->columns; i++)
        if (!sgs_read_input(engine, image, (int)i, row[i], rows->is_float[i], failure))
            return false;
    double started = sgs_now_ms();
    if (!sgs_engine_run(engine, levels.folder ? write_levels : NULL, &levels))
        return false;
    sgs_say("%zu / %zu\t%g ms", number + 1, rows->count, sgs_now_ms() - started);
    sgs_say("All outputs XOR = 0x%08lx", (unsigned long)sgs_fingerprint(engine, image));
    return sgs_write_outputs(engine, image, target, failure);
}

/* The status to end with; `failure` has a message where it did not run through. */
static int simulate_all(const struct sgs_image *image, const struct sgs_rows *rows, const char *model,
                        struct sgs_failure *failure)
{
    sgs_say_model(image);
    if (rows->columns != (size_t)image->program.inputs || rows->formats != rows->columns) {
        sgs_fail(failure, "Size of format list, size of image list and num of model inputs should be same! "
                          "Pls check demo command!");
        return 0;
    }
    struct sgs_settings settings = sgs_settings_from_environment();
    struct sgs_engine *engine = sgs_engine_open(image, &settings, failure);
    if (!engine) {
        char why[400];
        snprintf(why, sizeof why, "%.390s", failure->message);
        sgs_fail(failure, "Create channel failed! Error Code: %d (%s)", SGS_CREATE_CHANNEL, why);
        return 0;
    }
    bool good = prepare_folder(failure);
    for (size_t i = 0; good && i < rows->count; i++)
        good = simulate_row(engine, image, rows, i, model, failure);
    sgs_engine_close(engine);
    if (good)
        sgs_say("Done! Results in `output` folder.");
    return good ? 0 : 1;
}

static int simulate(const char *inputs, const char *formats, const char *model, struct sgs_failure *failure)
{
    struct sgs_rows rows = {0};
    struct sgs_map file = {0};
    struct sgs_image image = {0};
    int status = 0;
    if (!sgs_rows_open(&rows, inputs, formats, &status, failure)) {
        sgs_rows_close(&rows);
        return status;
    }
    if (load(&file, &image, model, failure))
        status = simulate_all(&image, &rows, model, failure);
    sgs_image_close(&image);
    sgs_map_close(&file);
    sgs_rows_close(&rows);
    return status;
}

int main(int argc, char **argv)
{
    struct sgs_option option[] = {{'h', "help", false, NULL},     {'i', "images", true, NULL},
                                  {'m', "model", true, NULL},     {'c', "category", true, NULL},
                                  {'f', "format", true, NULL},    {'t', "training_formats", true, NULL}};
    struct sgs_failure failure = {0};
    const char *operand;
    if (!sgs_options(argc, argv, option, 6, &operand, &failure)) {
        fprintf(stderr, NAME ": %s\n", failure.message);
        sgs_say("%s", usage);
        return 0;
    }
    const char *inputs = option[1].value, *model = option[2].value, *category = option[3].value;
    const char *formats = option[4].value && *option[4].value ? option[4].value : option[5].value;
    if (option[0].value || !inputs || !*inputs || !model || !*model) {
        sgs_say("%s", usage);
        return 0;
    }
    if (category && strcmp(category, "Unknown") != 0) {
        sgs_say("model category only support `Unknown`");
        return 0;
    }
    formats = formats && *formats ? formats : "RAWDATA_NHWC";
    if (!sgs_formats_known(formats)) {
        sgs_say("model training input format only support `RAWDATA_NHWC / DUMP_RAWDATA`");
        return 0;
    }
    sgs_kernel_log(true);
    char *path = sgs_path(model);
    int status = path ? simulate(inputs, formats, path, &failure) : 1;
    if (*failure.message)
        fprintf(stderr, "%s\n", failure.message);
    free(path);
    sgs_kernel_log(false);
    return status;
}

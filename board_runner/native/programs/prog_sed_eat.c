/* prog_sed_eat -i WAV -m eat.img: the vendor's command line, lines and exit statuses, over the C runtime.
 * A model without classes gets lines of our own in place of `class id:`, as in the Python program.
 *
 * Exit status: 0 when it ran through (also when -i matched nothing), 1 for a wrong command line, 255 for anything
 * else. SGS_THREADS and SGS_KERNELS choose threads and kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "engine.h"
#include "files.h"
#include "front_end.h"
#include "image.h"
#include "options.h"
#include "protocol.h"
#include "wav.h"

#define NAME "prog_sed_eat"

static const char usage[] = "Usage: ./" NAME " [-i] [-m]\n"
                            " -h, --help      show this help message and exit\n"
                            " -i, --images    path to a wav, a folder of them, or a pattern\n"
                            " -m, --model     path to model file";

struct loaded {
    struct sgs_map file;
    struct sgs_image image;
    struct sgs_engine *engine;
    struct sgs_front_end front_end;
};

static void complain(const struct sgs_failure *failure)
{
    fprintf(stderr, *failure->hint ? NAME ": %s (%s)\n" : NAME ": %s\n", failure->message, failure->hint);
}

static bool model_failed(int code, const char *path, struct sgs_failure *failure)
{
    sgs_say("get model variable buffer size failed (%d)!", code);
    return sgs_fail_in(failure, path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static bool not_ours(const char *path, struct sgs_failure *failure)
{
    if (ends_with(path, ".img"))
        return sgs_fail_hint(failure, "a vendor's .img runs with the vendor's " NAME ", on the IPU only",
                             "not an image of this runner");
    return sgs_fail_hint(failure, "`deploy convert` makes eat.img", "not an image of this runner");
}

static bool load(struct loaded *loaded, const char *path, struct sgs_failure *failure)
{
    if (!sgs_is_file(path)) {
        sgs_say("Open %s FAIL", path);
        sgs_fail(failure, "no such model file");
        return model_failed(SGS_FILE_OPERATION, path, failure);
    }
    if (!sgs_map_open(&loaded->file, path, SGS_IMAGE_MAX_BYTES, failure) && !sgs_fail_in(failure, "cannot be read"))
        return model_failed(SGS_FILE_OPERATION, path, failure);
    const uint8_t *bytes = loaded->file.bytes;
    size_t length = loaded->file.length;
    if (!(sgs_is_image(bytes, length) || not_ours(path, failure)) ||
        !sgs_image_open(&loaded->image, bytes, length, failure) ||
        !sgs_front_end_open(&loaded->front_end, &loaded->image, failure))
        return model_failed(SGS_INVALID_MODEL_BUFFER, path, failure);
    struct sgs_settings settings = sgs_settings_from_environment();
    loaded->engine = sgs_engine_open(&loaded->image, &settings, failure);
    if (!loaded->engine) {
        sgs_say("create ipu channel failed(%d)!", SGS_CREATE_CHANNEL);
        return sgs_fail_in(failure, path);
    }
    return true;
}

static bool invoke_failed(void)
{
    sgs_say("MI_IPU_Invoke error, ret %d", SGS_INVALID_MODEL_BUFFER);
    return false;
}

static bool classify(struct loaded *loaded, const struct sgs_wav *wav, struct sgs_failure *failure)
{
    const struct sgs_program *program = &loaded->image.program;
    struct sgs_answer answer;
    if (!sgs_front_end_fits(&loaded->front_end, &loaded->image, failure))
        return invoke_failed();
    if (!sgs_front_end_fill(&loaded->front_end, wav, sgs_engine_value(loaded->engine, (int)program->input[0].value),
                            failure))
        return false;
    double started = sgs_now_ms();
    sgs_engine_run(loaded->engine, NULL, NULL);
    double done = sgs_now_ms();
    if (!sgs_answer_find(&answer, loaded->engine, &loaded->image, loaded->front_end.model, failure))
        return invoke_failed();
    double decided = sgs_now_ms();
    sgs_say("model invoke time: %f ms", done - started);
    sgs_say("post process time: %f ms", decided - done);
    if (answer.levels)
        sgs_say_embedding(answer.levels, answer.count, answer.scale);
    else
        sgs_say("class id: %d", answer.class_id);
    return true;
}

static bool answer(struct loaded *loaded, const char *path, struct sgs_failure *failure)
{
    struct sgs_map file;
    struct sgs_wav wav;
    if (!sgs_map_open(&file, path, SGS_WAV_MAX_BYTES, failure) && !sgs_fail_in(failure, "cannot be read"))
        return sgs_fail_in(failure, path);
    bool good = sgs_wav_parse(&wav, file.bytes, file.length, failure) &&
                sgs_wav_require(&wav, loaded->front_end.sample_rate_hz, failure);
    if (!good)
        sgs_fail_in(failure, path);
    good = good && classify(loaded, &wav, failure);
    sgs_map_close(&file);
    return good;
}

static bool answer_all(struct loaded *loaded, const char *inputs, struct sgs_failure *failure)
{
    const struct sgs_program *program = &loaded->image.program;
    struct sgs_names names = {0};
    sgs_say("unknown element format %d", sgs_element_format(program->value[program->input[0].value].type));
    bool good = sgs_match(&names, inputs, failure);
    if (good)
        sgs_say("found %zu images!", names.count);
    for (size_t i = 0; good && i < names.count; i++) {
        sgs_say("the input image: %s", names.name[i]);
        char *path = sgs_path(names.name[i]);
        good = path ? answer(loaded, path, failure) : sgs_fail(failure, "no memory");
        free(path);
    }
    sgs_names_free(&names);
    return good;
}

static bool run(const char *inputs, const char *model, struct sgs_failure *failure)
{
    struct loaded loaded = {0};
    sgs_say("inputs: %s", inputs);
    sgs_say("model path: %s", model);
    sgs_say("threshold: %f", 0.5); /* printed, never used: the largest score decides */
    char *path = sgs_path(model);
    bool good = path ? load(&loaded, path, failure) && answer_all(&loaded, inputs, failure)
                     : sgs_fail(failure, "no memory");
    free(path);
    sgs_engine_close(loaded.engine);
    sgs_front_end_close(&loaded.front_end);
    sgs_image_close(&loaded.image);
    sgs_map_close(&loaded.file);
    return good;
}

static int wrong_usage(const struct sgs_failure *failure)
{
    complain(failure);
    fprintf(stderr, "%s\n", usage);
    return SGS_USAGE_STATUS;
}

int main(int argc, char **argv)
{
    struct sgs_option option[] = {
        {'h', "help", false, NULL}, {'i', "images", true, NULL}, {'m', "model", true, NULL}};
    struct sgs_failure failure = {0};
    const char *operand;
    if (!sgs_options(argc, argv, option, 3, &operand, &failure))
        return wrong_usage(&failure);
    const char *inputs = option[1].value, *model = option[2].value;
    if (option[0].value) {
        sgs_say("%s", usage);
        return 0;
    }
    if (operand) {
        sgs_fail(&failure, "unexpected '%s'", operand);
        return wrong_usage(&failure);
    }
    if (!inputs || !*inputs || !model || !*model) {
        sgs_fail(&failure, "both -i and -m are needed");
        return wrong_usage(&failure);
    }
    sgs_kernel_log(true);
    bool good = run(inputs, model, &failure);
    if (!good)
        complain(&failure);
    sgs_kernel_log(false);
    return good ? 0 : SGS_SYSTEM_FAULT;
}

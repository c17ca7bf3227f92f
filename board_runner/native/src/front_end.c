/* The models' front ends: EAT's scaled samples here, float step by float step as docs/arithmetic.md has them; the
 * others' features in mel_features.c. */
#include "front_end.h"

#include <math.h>
#include <string.h>

#include "info.h"

enum { PART = 512 };

static const struct {
    const char *name;
    enum sgs_recipe recipe;
} models[SGS_MODELS] = {
    [SGS_EAT] = {.name = "eat"},
    [SGS_ECAPA] = {"ecapa", SGS_SPEAKER_MEL},
    [SGS_EFFICIENTAT] = {"efficientat", SGS_LOG_MEL},
    [SGS_KWS] = {"kws", SGS_MFCC},
};

const char *sgs_model_name(enum sgs_model model)
{
    return models[model].name;
}

static bool find_model(enum sgs_model *model, const struct sgs_image *image, struct sgs_failure *failure)
{
    char text[SGS_INFO_TEXT];
    if (!sgs_info_text(image, "model", text, failure))
        return false;
    for (int i = 0; i < SGS_MODELS; i++)
        if (strcmp(text, models[i].name) == 0) {
            *model = (enum sgs_model)i;
            return true;
        }
    return sgs_fail_hint(failure, "its front end is not in this runtime; the Python runner may know it",
                         "a model '%s', which the runner lacks; it knows: eat, ecapa, efficientat, kws", text);
}

static bool open_eat(struct sgs_front_end *front_end, const struct sgs_image *image, struct sgs_failure *failure)
{
    int64_t rate;
    double peak;
    if (!sgs_info_whole(image, "sample_rate_hz", 1, UINT32_MAX, &rate, failure) ||
        !sgs_info_real(image, "front_end.peak", &peak, failure) ||
        !sgs_info_whole(image, "front_end.samples", 0, SGS_MAX_ELEMENTS, &front_end->samples, failure))
        return false;
    front_end->sample_rate_hz = (uint32_t)rate;
    front_end->peak = (float)peak;
    return true;
}

bool sgs_front_end_open(struct sgs_front_end *front_end, const struct sgs_image *image, struct sgs_failure *failure)
{
    memset(front_end, 0, sizeof *front_end);
    if (!find_model(&front_end->model, image, failure))
        return false;
    if (front_end->model == SGS_EAT)
        return open_eat(front_end, image, failure);
    if (!sgs_features_open(&front_end->features, models[front_end->model].recipe, image, failure))
        return false;
    front_end->sample_rate_hz = front_end->features.sample_rate_hz;
    return true;
}

void sgs_front_end_close(struct sgs_front_end *front_end)
{
    sgs_features_close(&front_end->features);
}

/* Mel channels come before frames: EfficientAT's input has their sizes one by one, in the Python runner's words. */
static bool fits_plane(const struct sgs_value *input, long long rows, long long columns, struct sgs_failure *failure)
{
    const struct sgs_shape wanted = {.axes = 4, .size = {1, 1, rows, columns}};
    return sgs_same_shape(&input->shape, &wanted) ||
           sgs_fail_hint(failure, "mel channels come before frames",
                         "the input has other axes than [1, 1, %lld, %lld], which the front end makes", rows, columns);
}

static bool fits_features(const struct sgs_front_end *front_end, const struct sgs_value *input,
                          struct sgs_failure *failure)
{
    long long rows = sgs_features_rows(&front_end->features), columns = sgs_features_columns(&front_end->features);
    if (front_end->model == SGS_EFFICIENTAT)
        return fits_plane(input, rows, columns, failure);
    return input->count == rows * columns ||
           sgs_fail(failure, "the input has %lld elements, the front end makes [%lld, %lld] features",
                    (long long)input->count, rows, columns);
}

bool sgs_front_end_fits(const struct sgs_front_end *front_end, const struct sgs_image *image,
                        struct sgs_failure *failure)
{
    const struct sgs_program *program = &image->program;
    const struct sgs_value *input = program->value + program->input[0].value;
    if (program->inputs != 1 || input->type != SGS_FLOAT32)
        return sgs_fail(failure, "not a contract of the front end of '%s': it fills one input of float32",
                        sgs_model_name(front_end->model));
    if (front_end->model != SGS_EAT)
        return fits_features(front_end, input, failure);
    return input->count == front_end->samples ||
           sgs_fail(failure, "the input has %lld elements, the front end makes %lld samples", (long long)input->count,
                    (long long)front_end->samples);
}

static float largest_magnitude(const struct sgs_wav *wav)
{
    float part[PART], largest = 0;
    for (size_t at = 0; at < wav->frames; at += PART) {
        size_t n = wav->frames - at < PART ? wav->frames - at : PART;
        sgs_wav_floats(wav, at, n, part);
        for (size_t i = 0; i < n; i++)
            largest = fabsf(part[i]) > largest ? fabsf(part[i]) : largest;
    }
    return largest;
}

/* Bring the largest magnitude of the whole clip to the peak, cut or fill with zeros; silence stays silence. */
static void fill_eat(const struct sgs_front_end *front_end, const struct sgs_wav *wav, float *input)
{
    float largest = largest_magnitude(wav);
    size_t wanted = (size_t)front_end->samples, given = wav->frames < wanted ? wav->frames : wanted;
    if (largest == 0)
        given = 0;
    sgs_wav_floats(wav, 0, given, input);
    for (size_t i = 0; i < given; i++) {
        float scaled = input[i] * front_end->peak;
        input[i] = scaled / largest;
    }
    for (size_t i = given; i < wanted; i++)
        input[i] = 0;
}

bool sgs_front_end_fill(const struct sgs_front_end *front_end, const struct sgs_wav *wav, float *input,
                        struct sgs_failure *failure)
{
    if (front_end->model != SGS_EAT)
        return sgs_features_fill(&front_end->features, wav, input, failure);
    fill_eat(front_end, wav, input);
    return true;
}

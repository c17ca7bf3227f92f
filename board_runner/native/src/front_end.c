/* EAT's front end and its decision, float step by float step as docs/arithmetic.md has them. */
#include "front_end.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 512, TEXT = 64 };

static bool number(const struct sgs_image *image, const char *key, char text[TEXT], struct sgs_failure *failure)
{
    if (!sgs_image_info(image, key, text, TEXT) || !*text)
        return sgs_fail(failure, "damaged image: no '%s' in INFO", key);
    return true;
}

bool sgs_front_end_open(struct sgs_front_end *front_end, const struct sgs_image *image, struct sgs_failure *failure)
{
    char text[TEXT], *end;
    if (!number(image, "model", text, failure))
        return false;
    if (strcmp(text, "eat") != 0)
        return sgs_fail_hint(failure, "its front end is not in this runtime; the Python runner may know it",
                             "a model '%s', which the runner lacks; it knows: eat", text);
    if (!number(image, "sample_rate_hz", text, failure))
        return false;
    unsigned long rate = strtoul(text, &end, 10);
    if (*end || rate == 0 || rate > UINT32_MAX)
        return sgs_fail(failure, "damaged image: a sample rate of '%s' Hz", text);
    front_end->sample_rate_hz = (uint32_t)rate;
    if (!number(image, "front_end.peak", text, failure))
        return false;
    double peak = strtod(text, &end);
    front_end->peak = (float)peak;
    if (*end || !isfinite(peak))
        return sgs_fail(failure, "not a contract of EAT's front end: a peak of '%s'", text);
    if (!number(image, "front_end.samples", text, failure))
        return false;
    front_end->samples = strtoll(text, &end, 10);
    if (*end || front_end->samples < 0)
        return sgs_fail(failure, "not a contract of EAT's front end: '%s' samples", text);
    return true;
}

bool sgs_front_end_fits(const struct sgs_front_end *front_end, const struct sgs_image *image,
                        struct sgs_failure *failure)
{
    const struct sgs_program *program = &image->program;
    const struct sgs_value *input = program->value + program->input[0].value;
    if (program->inputs != 1 || input->type != SGS_FLOAT32)
        return sgs_fail(failure, "not a contract of EAT's front end: it fills one input of float32");
    if (input->count != front_end->samples)
        return sgs_fail(failure, "the input has %lld elements, the front end makes %lld samples",
                        (long long)input->count, (long long)front_end->samples);
    if (program->outputs != 1)
        return sgs_fail(failure, "EAT gives one output tensor of one run");
    return true;
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

void sgs_front_end_fill(const struct sgs_front_end *front_end, const struct sgs_wav *wav, float *input)
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

bool sgs_best_class(const struct sgs_image *image, const int16_t *levels, int *class_id, struct sgs_failure *failure)
{
    const struct sgs_value *output = image->program.value + image->program.output[0].value;
    float best = -INFINITY;
    *class_id = 0;
    if (output->count < 2)
        return sgs_fail(failure, "the model's output is no vector of finite class scores");
    for (int64_t i = 0; i < output->count; i++) {
        float score = (float)levels[i] * output->scale;
        if (!isfinite(score))
            return sgs_fail(failure, "the model's output is no vector of finite class scores");
        if (score > best) {
            best = score;
            *class_id = (int)i;
        }
    }
    return true;
}

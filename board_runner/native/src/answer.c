/* What a model says of a clip, from its outputs. */
#include "answer.h"

#include <math.h>
#include <string.h>

static const struct sgs_port *output_named(const struct sgs_program *program, const char *name)
{
    for (int i = 0; i < program->outputs; i++)
        if (program->output[i].name.bytes == strlen(name) &&
            memcmp(program->output[i].name.text, name, strlen(name)) == 0)
            return program->output + i;
    return NULL;
}

/* The output that the model answers with; NULL where there is none. */
static const struct sgs_port *output_of(const struct sgs_program *program, enum sgs_model model,
                                        struct sgs_failure *failure)
{
    const struct sgs_port *found = program->output;
    if (model == SGS_EFFICIENTAT && !(found = output_named(program, "logits")))
        sgs_fail(failure, "no output 'logits'");
    else if (model == SGS_ECAPA && !(found = output_named(program, "embedding")))
        sgs_fail(failure, "a speaker embedding is the output 'embedding' of one run");
    else if ((model == SGS_EAT || model == SGS_KWS) && program->outputs != 1)
        sgs_fail(failure, "%s gives one output tensor of one run", model == SGS_EAT ? "EAT" : "keyword spotting");
    else
        return found;
    return NULL;
}

static bool best_class(struct sgs_answer *answer, struct sgs_failure *failure)
{
    float best = -INFINITY;
    answer->class_id = 0;
    if (answer->count < 2)
        return sgs_fail(failure, "the model's output is no vector of finite class scores");
    for (int64_t i = 0; i < answer->count; i++) {
        float score = (float)answer->levels[i] * answer->scale;
        if (!isfinite(score))
            return sgs_fail(failure, "the model's output is no vector of finite class scores");
        if (score > best) {
            best = score;
            answer->class_id = (int)i;
        }
    }
    answer->levels = NULL;
    return true;
}

static bool has_direction(const struct sgs_answer *answer, struct sgs_failure *failure)
{
    double sum = 0;
    for (int64_t i = 0; i < answer->count; i++) {
        double value = (float)answer->levels[i] * answer->scale;
        sum += value * value;
    }
    return (isfinite(sum) && sum > 0) || sgs_fail(failure, "the model's embedding is not finite, or zero");
}

bool sgs_answer_find(struct sgs_answer *answer, const struct sgs_engine *engine, const struct sgs_image *image,
                     enum sgs_model model, struct sgs_failure *failure)
{
    const struct sgs_port *port = output_of(&image->program, model, failure);
    if (!port)
        return false;
    const struct sgs_value *output = image->program.value + port->value;
    answer->levels = sgs_engine_value(engine, (int)port->value);
    answer->count = output->count;
    answer->scale = output->scale;
    return model == SGS_ECAPA ? has_direction(answer, failure) : best_class(answer, failure);
}

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

/* The output with the classes' scores; NULL where there is none. */
static const struct sgs_port *scores(const struct sgs_program *program, enum sgs_model model,
                                     struct sgs_failure *failure)
{
    const struct sgs_port *found = program->output;
    if (model == SGS_ECAPA)
        sgs_fail(failure, "ecapa has no classes: this program prints a class id and nothing else");
    else if (model == SGS_EFFICIENTAT && !(found = output_named(program, "logits")))
        sgs_fail(failure, "no output 'logits'");
    else if (model != SGS_EFFICIENTAT && program->outputs != 1)
        sgs_fail(failure, "%s gives one output tensor of one run", model == SGS_EAT ? "EAT" : "keyword spotting");
    else
        return found;
    return NULL;
}

bool sgs_best_class(const struct sgs_engine *engine, const struct sgs_image *image, enum sgs_model model,
                    int *class_id, struct sgs_failure *failure)
{
    const struct sgs_port *port = scores(&image->program, model, failure);
    if (!port)
        return false;
    const struct sgs_value *output = image->program.value + port->value;
    const int16_t *levels = sgs_engine_value(engine, (int)port->value);
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

/* Runs the program of an image in the memory that it plans. */
#define _POSIX_C_SOURCE 200809L
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "operators.h"
#include "threads.h"

enum { SLACK_BYTES = 256 }; /* vector loads may pass the end of a row */

static const struct sgs_operator *const operators[SGS_OPS] = {
    [SGS_QUANTIZE] = &sgs_quantize, [SGS_NARROW] = &sgs_narrow,       [SGS_CONV8] = &sgs_conv,
    [SGS_CONV16] = &sgs_conv,       [SGS_LINEAR] = &sgs_linear,       [SGS_MATMUL] = &sgs_matmul,
    [SGS_SCALE] = &sgs_scale,       [SGS_LEAKY] = &sgs_leaky,         [SGS_ADD] = &sgs_add,
    [SGS_CURVE] = &sgs_curve,       [SGS_SOFTMAX] = &sgs_softmax,     [SGS_LAYERNORM] = &sgs_layernorm,
    [SGS_PAD] = &sgs_pad,           [SGS_TRANSPOSE] = &sgs_transpose, [SGS_TAKE] = &sgs_take,
    [SGS_CONCAT] = &sgs_concat,     [SGS_MUL] = &sgs_mul,             [SGS_CLIP] = &sgs_clip,
    [SGS_SUM] = &sgs_sum_over,      [SGS_MAX] = &sgs_max,             [SGS_SLICE] = &sgs_slice,
    [SGS_SQRT] = &sgs_sqrt,         [SGS_DIVIDE] = &sgs_divide,       [SGS_MAXPOOL] = &sgs_maxpool, /* constant and reshape move nothing */
};

struct task {
    struct sgs_setup setup;
    void *state;
    void (*run)(const struct sgs_call *call);
};

struct sgs_engine {
    const struct sgs_kernels *kernels;
    struct sgs_pool *pool;
    int threads, steps;
    uint64_t bytes, scratch; /* in all; of a thread */
    char *memory, *scratches;
    void **place;
    struct task *task;
    const struct task *current;
};

struct sgs_settings sgs_settings_from_environment(void)
{
    const char *threads = getenv("SGS_THREADS"), *kernels = getenv("SGS_KERNELS");
    struct sgs_settings settings = {.threads = threads ? atoi(threads) : 1,
                                    .kernels = kernels && *kernels ? kernels : NULL};
    if (settings.threads < 1)
        settings.threads = 1;
    if (settings.threads > SGS_MAX_THREADS)
        settings.threads = SGS_MAX_THREADS;
    return settings;
}

static uint64_t up(uint64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* What every instruction needs; the sum is what will be asked for, in one piece. */
static bool measure(struct sgs_engine *engine, const struct sgs_program *program, uint64_t arena_bytes,
                    struct sgs_failure *failure)
{
    uint64_t states = 0;
    for (int i = 0; i < program->steps; i++) {
        struct task *task = engine->task + i;
        const struct sgs_operator *operator = operators[program->step[i].op];
        struct sgs_need need = {0, 0};
        task->setup = (struct sgs_setup){program, program->step + i, engine->kernels, engine->threads};
        if (!operator || sgs_out(program, program->step + i)->count == 0)
            continue; /* nothing to do, or nothing to give */
        task->run = operator->run;
        if (operator->measure && !operator->measure(&task->setup, &need, failure)) {
            char where[80];
            snprintf(where, sizeof where, "instruction %d (%s)", i, sgs_rules[program->step[i].op].name);
            return sgs_fail_in(failure, where);
        }
        task->state = (void *)(uintptr_t)states; /* its place, until there is memory */
        states += up(need.state);
        engine->scratch = need.scratch > engine->scratch ? need.scratch : engine->scratch;
    }
    engine->scratch = up(engine->scratch + SLACK_BYTES);
    engine->bytes = up(arena_bytes + SLACK_BYTES) + states + engine->scratch * (uint64_t)engine->threads;
    return true;
}

static bool check_memory(const struct sgs_engine *engine, uint64_t allowed, struct sgs_failure *failure)
{
    uint64_t available = allowed ? allowed : sgs_memory_available();
    if (engine->bytes > available || engine->bytes > SIZE_MAX / 2)
        return sgs_fail_hint(failure, "free memory on the board, run with fewer threads, or convert a smaller model",
                             "the model needs %llu KiB of memory to run, %llu KiB can be had",
                             (unsigned long long)(engine->bytes + 1023) / 1024, (unsigned long long)available / 1024);
    return true;
}

static void place_values(struct sgs_engine *engine, const struct sgs_program *program)
{
    for (int i = 0; i < program->values; i++)
        if (program->value[i].owner >= 0)
            engine->place[i] = engine->memory + program->value[i].offset;
    for (int i = 0; i < program->steps; i++) {
        const struct sgs_step *step = program->step + i;
        if (step->op == SGS_CONSTANT) /* only read: the file is mapped so */
            engine->place[step->output] = (void *)(uintptr_t)sgs_constant(program, step, 0)->data;
        else if (step->op == SGS_RESHAPE)
            engine->place[step->output] = engine->place[step->input[0]];
    }
}

static bool allocate(struct sgs_engine *engine, const struct sgs_image *image, struct sgs_failure *failure)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (size_t)engine->bytes) != 0)
        return sgs_fail(failure, "no memory: %llu KiB cannot be had", (unsigned long long)engine->bytes / 1024);
    engine->memory = memory;
    memset(memory, 0, (size_t)engine->bytes); /* pages are here now, or the program ends now */
    char *states = engine->memory + up(image->arena_bytes + SLACK_BYTES);
    for (int i = 0; i < engine->steps; i++) {
        struct task *task = engine->task + i;
        const struct sgs_operator *operator = operators[task->setup.step->op];
        task->state = states + (uintptr_t)task->state;
        if (task->run && operator->prepare)
            operator->prepare(&task->setup, task->state);
    }
    engine->scratches = engine->memory + engine->bytes - engine->scratch * (uint64_t)engine->threads;
    place_values(engine, &image->program);
    return true;
}

static bool open_engine(struct sgs_engine *engine, const struct sgs_image *image, const struct sgs_settings *settings,
                        struct sgs_failure *failure)
{
    const struct sgs_program *program = &image->program;
    engine->kernels = sgs_kernels_find(settings->kernels);
    if (!engine->kernels)
        return sgs_fail(failure, "no kernels '%s' on this machine", settings->kernels);
    engine->steps = program->steps;
    engine->task = calloc((size_t)program->steps + 1, sizeof *engine->task);
    engine->place = calloc((size_t)program->values + 1, sizeof *engine->place);
    if (!engine->task || !engine->place)
        return sgs_fail(failure, "no memory for the tables of the program");
    engine->threads = settings->threads;
    engine->pool = sgs_pool_open(engine->threads);
    if (!engine->pool)
        engine->threads = 1;
    return measure(engine, program, image->arena_bytes, failure) &&
           check_memory(engine, settings->memory_bytes, failure) && allocate(engine, image, failure);
}

struct sgs_engine *sgs_engine_open(const struct sgs_image *image, const struct sgs_settings *settings,
                                   struct sgs_failure *failure)
{
    struct sgs_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        sgs_fail(failure, "no memory for the tables of the program");
        return NULL;
    }
    if (!open_engine(engine, image, settings, failure)) {
        sgs_engine_close(engine);
        return NULL;
    }
    return engine;
}

void sgs_engine_close(struct sgs_engine *engine)
{
    if (!engine)
        return;
    sgs_pool_close(engine->pool);
    free(engine->memory);
    free(engine->task);
    free(engine->place);
    free(engine);
}

uint64_t sgs_engine_bytes(const struct sgs_engine *engine)
{
    return engine->bytes;
}

const char *sgs_engine_kernels(const struct sgs_engine *engine)
{
    return engine->kernels->name;
}

void *sgs_engine_value(const struct sgs_engine *engine, int value)
{
    return engine->place[value];
}

static void do_share(void *context, int thread)
{
    struct sgs_engine *engine = context;
    const struct task *task = engine->current;
    struct sgs_call call = {
        .setup = &task->setup,
        .state = task->state,
        .scratch = engine->scratches + engine->scratch * (uint64_t)thread,
        .place = engine->place,
        .thread = thread,
    };
    task->run(&call);
}

bool sgs_engine_run(struct sgs_engine *engine, sgs_watch *watch, void *context)
{
    for (int i = 0; i < engine->steps; i++) {
        engine->current = engine->task + i;
        if (engine->current->run)
            sgs_pool_run(engine->pool, do_share, engine);
        if (watch && !watch(context, engine, i))
            return false;
    }
    return true;
}

/* Runs the program of an image in the memory that it plans. */
#ifndef SGS_ENGINE_H
#define SGS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "image.h"

struct sgs_engine;

struct sgs_settings {
    int threads;            /* from 1 to SGS_MAX_THREADS */
    const char *kernels;    /* name of a set of kernels, NULL for the best that the machine has */
    uint64_t memory_bytes;  /* refuse a program that needs more; 0: what the machine has free */
};

#define SGS_MAX_THREADS 64

/* What SGS_THREADS and SGS_KERNELS of the environment say, else one thread and the best kernels. */
struct sgs_settings sgs_settings_from_environment(void);

/* Prepare every instruction; the image outlives the engine. NULL: the failure says why; memory is asked for only
 * when all that is needed fits. */
struct sgs_engine *sgs_engine_open(const struct sgs_image *image, const struct sgs_settings *settings,
                                   struct sgs_failure *failure);
void sgs_engine_close(struct sgs_engine *engine);

/* Bytes that running takes beside the file: arena, repacked weights, and what kernels work in. */
uint64_t sgs_engine_bytes(const struct sgs_engine *engine);
const char *sgs_engine_kernels(const struct sgs_engine *engine);

/* Where an input or any other value lies. A value is good from its instruction to the last one that reads it. */
void *sgs_engine_value(const struct sgs_engine *engine, int value);

/* Called after every instruction; for dumps. */
typedef bool sgs_watch(void *context, const struct sgs_engine *engine, int step);

/* Run once on what lies in the inputs; false only where `watch` says so. An input may share its place with values
 * that come after its last use: fill it before every run. */
bool sgs_engine_run(struct sgs_engine *engine, sgs_watch *watch, void *context);

#endif

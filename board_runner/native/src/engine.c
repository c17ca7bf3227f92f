/* Runs the program of an image in the memory that it plans. */
#include "engine.h"

struct sgs_settings sgs_settings_from_environment(void)
{
    return (struct sgs_settings){.threads = 1};
}

struct sgs_engine *sgs_engine_open(const struct sgs_image *image, const struct sgs_settings *settings,
                                   struct sgs_failure *failure)
{
    (void)image;
    (void)settings;
    sgs_fail(failure, "no kernels yet");
    return NULL;
}

void sgs_engine_close(struct sgs_engine *engine)
{
    (void)engine;
}

void *sgs_engine_value(const struct sgs_engine *engine, int value)
{
    (void)engine;
    (void)value;
    return 0;
}

bool sgs_engine_run(struct sgs_engine *engine, sgs_watch *watch, void *context)
{
    (void)engine;
    (void)watch;
    (void)context;
    return false;
}

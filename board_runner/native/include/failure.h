/* What went wrong, in words; a function that can fail takes one and gives false. */
#ifndef SGS_FAILURE_H
#define SGS_FAILURE_H

#include <stdbool.h>

struct sgs_failure {
    char message[512];
    char hint[160]; /* what cures it, or empty */
};

/* Set the message, which is cut where it is too long, and give false. As macros: the compiler sees the false. */
#define sgs_fail(failure, ...) (sgs_fail_message(failure, "", __VA_ARGS__), sgs_false())
#define sgs_fail_hint(failure, hint, ...) (sgs_fail_message(failure, hint, __VA_ARGS__), sgs_false())

static inline bool sgs_false(void)
{
    return false;
}

void sgs_fail_message(struct sgs_failure *failure, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put `prefix: ` before the message and give false. */
bool sgs_fail_in(struct sgs_failure *failure, const char *prefix);

#endif

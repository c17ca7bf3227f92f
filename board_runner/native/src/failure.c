/* What went wrong, in words. */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sgs_fail_message(struct sgs_failure *failure, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(failure->message, sizeof failure->message, format, args);
    va_end(args);
    snprintf(failure->hint, sizeof failure->hint, "%s", hint);
}

bool sgs_fail_in(struct sgs_failure *failure, const char *prefix)
{
    char rest[sizeof failure->message];
    memcpy(rest, failure->message, sizeof rest);
    int used = snprintf(failure->message, sizeof failure->message, "%s: ", prefix);
    size_t room = sizeof failure->message - 1;
    if (used >= 0 && (size_t)used < room)
        snprintf(failure->message + used, sizeof failure->message - (size_t)used, "%s", rest);
    return false;
}

/* The lines that the vendor's programs print. */
#define _POSIX_C_SOURCE 200809L
#include "protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

void sgs_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

int sgs_element_format(int type)
{
    switch (type) {
    case SGS_UINT8: return 0;
    case SGS_INT16: return 2;
    case SGS_INT32: return 3;
    case SGS_INT8: return 4;
    case SGS_FLOAT32: return 5;
    default: return 6;
    }
}

void sgs_kernel_log(bool connected)
{
    const char *path = getenv("SGS_KMSG");
    if (!path || !*path)
        return;
    FILE *log = fopen(path, "a");
    if (!log)
        return; /* the kernel's log is not the program's business: it cannot fail because of it */
    fprintf(log, "client [%ld] %sconnected, module:ipu\n", (long)getpid(), connected ? "" : "dis");
    fclose(log);
}

double sgs_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* The lines that the vendor's programs print. */
#define _POSIX_C_SOURCE 200809L
#include "protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "program.h"

enum { PER_LINE = 16 };

void sgs_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* Values `first` to `first + count`; gives the checksum of all up to them. */
static uint32_t say_values(const int16_t *levels, int64_t first, int count, float scale, uint32_t crc)
{
    uint8_t bytes[sizeof(float) * PER_LINE];
    char text[2 * sizeof bytes + 1];
    for (int i = 0; i < count; i++) {
        float value = (float)levels[first + i] * scale;
        memcpy(bytes + sizeof value * (size_t)i, &value, sizeof value);
    }
    size_t length = sizeof(float) * (size_t)count;
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    sgs_say("embedding %lld: %s", (long long)first, text);
    return sgs_crc32_after(crc, bytes, length);
}

void sgs_say_embedding(const int16_t *levels, int64_t count, float scale)
{
    uint32_t crc = 0;
    for (int64_t first = 0; first < count; first += PER_LINE) {
        int64_t rest = count - first;
        crc = say_values(levels, first, rest < PER_LINE ? (int)rest : PER_LINE, scale, crc);
    }
    sgs_say("embedding: %lld values, crc32 %08lx", (long long)count, (unsigned long)crc);
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

/* How much memory the machine has left for this process. */
#define _POSIX_C_SOURCE 200809L
#include "memory.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* MemAvailable of /proc/meminfo; older kernels say MemFree and Cached, and cached pages can be had. */
static uint64_t free_bytes(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long long kib, available = 0, spare = 0;
    if (!file)
        return UINT64_MAX;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            available = kib;
        else if (sscanf(line, "MemFree: %llu kB", &kib) == 1 || sscanf(line, "Cached: %llu kB", &kib) == 1)
            spare += kib;
    }
    fclose(file);
    if (!available && !spare)
        return UINT64_MAX;
    return 1024 * (uint64_t)(available ? available : spare);
}

/* Address space in use: the first number of /proc/self/statm, in pages. */
static uint64_t used_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long long pages = 0;
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t sgs_memory_available(void)
{
    uint64_t least = free_bytes();
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        uint64_t used = used_bytes(), most = limit.rlim_cur;
        uint64_t left = most > used ? most - used : 0;
        least = left < least ? left : least;
    }
    return least;
}

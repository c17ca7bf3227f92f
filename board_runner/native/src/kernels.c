/* Which sets of kernels this processor can run. */
#include "kernels.h"

#include <stddef.h>
#include <string.h>

#include "neon.h"
#include "x86.h"

#if defined(SGS_NEON) && !defined(__aarch64__)
#include <sys/auxv.h>
enum { HWCAP_OF_NEON = 1 << 12 };
#endif

/* The best first. */
static int sets(const struct sgs_kernels *found[4])
{
    int count = 0;
#ifdef SGS_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        found[count++] = &sgs_kernels_avx512;
    if (__builtin_cpu_supports("avx2"))
        found[count++] = &sgs_kernels_avx2;
#endif
#if defined(SGS_NEON) && defined(__aarch64__)
    found[count++] = &sgs_kernels_neon;
#elif defined(SGS_NEON)
    if (getauxval(AT_HWCAP) & HWCAP_OF_NEON)
        found[count++] = &sgs_kernels_neon;
#endif
    found[count++] = &sgs_kernels_portable;
    return count;
}

const struct sgs_kernels *sgs_kernels_find(const char *name)
{
    const struct sgs_kernels *found[4];
    int count = sets(found);
    for (int i = 0; i < count; i++)
        if (!name || strcmp(name, found[i]->name) == 0)
            return found[i];
    return NULL;
}

const char *sgs_kernels_name(int index)
{
    const struct sgs_kernels *found[4];
    return index >= 0 && index < sets(found) ? found[index]->name : NULL;
}

/* Which sets of kernels this processor can run. */
#include "kernels.h"

#include <stddef.h>
#include <string.h>

const struct sgs_kernels *sgs_kernels_find(const char *name)
{
    return !name || strcmp(name, "portable") == 0 ? &sgs_kernels_portable : NULL;
}

const char *sgs_kernels_name(int index)
{
    return index == 0 ? "portable" : NULL;
}

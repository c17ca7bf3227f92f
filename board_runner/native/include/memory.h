/* How much memory the machine has left for this process. */
#ifndef SGS_MEMORY_H
#define SGS_MEMORY_H

#include <stdint.h>

/* Bytes: what the kernel calls available, and no more than the process' own limits leave. UINT64_MAX: nobody knows. */
uint64_t sgs_memory_available(void);

#endif

/* Kernels for x86: compiled for any such processor, run on those that have the instructions. */
#ifndef SGS_X86_H
#define SGS_X86_H

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define SGS_X86
#include "kernels.h"

extern const struct sgs_kernels sgs_kernels_avx512, sgs_kernels_avx2;
#endif

#endif

/* Kernels for ARM with NEON: part of every 64-bit processor, asked of the kernel on 32-bit ones. */
#ifndef SGS_NEON_H
#define SGS_NEON_H

#if defined(__aarch64__) || (defined(__arm__) && defined(__ARM_PCS_VFP))
#define SGS_NEON
#include "kernels.h"

extern const struct sgs_kernels sgs_kernels_neon;
#endif

#endif

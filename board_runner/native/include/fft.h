/* Power spectra of real signals in double precision, for even lengths whose prime factors are small. */
#ifndef SGS_FFT_H
#define SGS_FFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SGS_FFT_MOST 16384 /* longest */
#define SGS_FFT_PRIME 31   /* largest prime factor of half the length */

struct sgs_complex {
    double re, im;
};

struct sgs_fft {
    int length;
    struct sgs_complex *turn;     /* exp(-2 pi i k / length), k < length */
    struct sgs_complex *work[2];  /* length / 2 each */
};

bool sgs_fft_knows(int64_t length);

/* Numbers of memory that `sgs_fft_open` takes and fills; `length` is one that is known. */
size_t sgs_fft_doubles(int length);
void sgs_fft_open(struct sgs_fft *fft, int length, double *memory);

/* |X_k|^2 of `signal` (length) into `power` (length / 2 + 1); they may be one. */
void sgs_fft_power(const struct sgs_fft *fft, const double *signal, double *power);

#endif

/* A mixed-radix FFT after Stockham, which sorts as it goes; a real signal goes in as one of half the length. */
#define _GNU_SOURCE /* M_PI */
#include "fft.h"

#include <math.h>

/* The next factor to take out: 4 before 2, then the smallest odd one. */
static int factor_of(int length)
{
    if (length % 4 == 0)
        return 4;
    if (length % 2 == 0)
        return 2;
    for (int factor = 3; factor <= SGS_FFT_PRIME; factor += 2)
        if (length % factor == 0)
            return factor;
    return 0;
}

bool sgs_fft_knows(int64_t length)
{
    if (length < 2 || length > SGS_FFT_MOST || length % 2)
        return false;
    int rest = (int)length / 2;
    for (int factor; rest > 1; rest /= factor)
        if ((factor = factor_of(rest)) == 0)
            return false;
    return true;
}

size_t sgs_fft_doubles(int length)
{
    return 4 * (size_t)length; /* as many turns, and two halves to work in */
}

void sgs_fft_open(struct sgs_fft *fft, int length, double *memory)
{
    fft->length = length;
    fft->turn = (struct sgs_complex *)memory;
    fft->work[0] = fft->turn + length;
    fft->work[1] = fft->work[0] + length / 2;
    for (int k = 0; k < length; k++)
        fft->turn[k] = (struct sgs_complex){cos(2 * M_PI * k / length), -sin(2 * M_PI * k / length)};
}

static inline struct sgs_complex times(struct sgs_complex a, struct sgs_complex b)
{
    return (struct sgs_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline struct sgs_complex sum(struct sgs_complex a, struct sgs_complex b)
{
    return (struct sgs_complex){a.re + b.re, a.im + b.im};
}

static inline struct sgs_complex difference(struct sgs_complex a, struct sgs_complex b)
{
    return (struct sgs_complex){a.re - b.re, a.im - b.im};
}

static inline struct sgs_complex by_minus_i(struct sgs_complex a)
{
    return (struct sgs_complex){a.im, -a.re};
}

static void spectrum_of_4(const struct sgs_complex v[4], struct sgs_complex u[4])
{
    struct sgs_complex even = sum(v[0], v[2]), odd = sum(v[1], v[3]);
    struct sgs_complex across = difference(v[0], v[2]), turned = by_minus_i(difference(v[1], v[3]));
    u[0] = sum(even, odd);
    u[1] = sum(across, turned);
    u[2] = difference(even, odd);
    u[3] = difference(across, turned);
}

static void spectrum_of_few(const struct sgs_fft *fft, int count, const struct sgs_complex *v, struct sgs_complex *u)
{
    int step = fft->length / count;
    for (int k = 0; k < count; k++) {
        u[k] = v[0];
        for (int j = 1; j < count; j++)
            u[k] = sum(u[k], times(v[j], fft->turn[j * k % count * step]));
    }
}

/* One step of `radix` over `stride` interleaved signals of `radix * parts` numbers each. */
static void pass(const struct sgs_fft *fft, const struct sgs_complex *from, struct sgs_complex *to, int radix,
                 int parts, int stride)
{
    struct sgs_complex v[SGS_FFT_PRIME], u[SGS_FFT_PRIME];
    for (int part = 0; part < parts; part++) {
        for (int s = 0; s < stride; s++) {
            for (int j = 0; j < radix; j++)
                v[j] = from[s + stride * (part + parts * j)];
            if (radix == 4)
                spectrum_of_4(v, u);
            else
                spectrum_of_few(fft, radix, v, u);
            to[s + stride * radix * part] = u[0];
            for (int k = 1; k < radix; k++)
                to[s + stride * (radix * part + k)] = times(u[k], fft->turn[2 * part * k * stride]);
        }
    }
}

/* The spectrum of work[0], in one of the two. */
static const struct sgs_complex *transform(const struct sgs_fft *fft)
{
    struct sgs_complex *from = fft->work[0], *to = fft->work[1];
    for (int rest = fft->length / 2, stride = 1; rest > 1;) {
        int radix = factor_of(rest);
        pass(fft, from, to, radix, rest / radix, stride);
        struct sgs_complex *other = from;
        from = to;
        to = other;
        rest /= radix;
        stride *= radix;
    }
    return from;
}

void sgs_fft_power(const struct sgs_fft *fft, const double *signal, double *power)
{
    int half = fft->length / 2;
    for (int j = 0; j < half; j++)
        fft->work[0][j] = (struct sgs_complex){signal[2 * j], signal[2 * j + 1]};
    const struct sgs_complex *z = transform(fft);
    for (int k = 0; k <= half; k++) {
        struct sgs_complex a = z[k % half], b = z[(half - k) % half];
        b.im = -b.im;
        struct sgs_complex even = sum(a, b), odd = by_minus_i(difference(a, b)); /* twice the two halves' spectra */
        struct sgs_complex turn = k < half ? fft->turn[k] : (struct sgs_complex){-1, 0};
        struct sgs_complex x = sum(even, times(odd, turn));
        power[k] = (x.re * x.re + x.im * x.im) / 4;
    }
}

/* Mel filters: the formulas of board_runner/frontends/mel.py and slaney.py. */
#include "filters.h"

#include <math.h>

static const double linear_hz = 200.0 / 3, break_hz = 1000;

static double break_mel(void)
{
    return break_hz / linear_hz;
}

static double log_step(void)
{
    return log(6.4) / 27;
}

static double to_mel(enum sgs_scale scale, double hertz)
{
    if (scale == SGS_HTK)
        return 1127 * log1p(hertz / 700);
    return hertz < break_hz ? hertz / linear_hz : break_mel() + log(hertz / break_hz) / log_step();
}

/* Slaney's alone. */
static double to_hertz(double mel)
{
    return mel < break_mel() ? mel * linear_hz : break_hz * exp(log_step() * (mel - break_mel()));
}

size_t sgs_filter_weights(const struct sgs_filter_plan *plan)
{
    return 2 * (size_t)plan->lines;
}

/* Feet and peaks, equally far apart in mels; in mels for HTK, in hertz for Slaney. */
static void fill_edges(const struct sgs_filter_plan *plan, double *edge)
{
    double low = to_mel(plan->scale, plan->low_hz), high = to_mel(plan->scale, plan->high_hz);
    double step = (high - low) / (plan->channels + 1);
    for (int i = 0; i < plan->channels + 2; i++) {
        double mel = i <= plan->channels ? low + step * i : high;
        edge[i] = plan->scale == SGS_HTK ? mel : to_hertz(mel);
    }
}

static void fill_places(const struct sgs_filter_plan *plan, double *place)
{
    double spacing = plan->sample_rate_hz / 2.0 / (plan->lines - 1);
    for (int line = 0; line < plan->lines; line++)
        place[line] = plan->scale == SGS_HTK ? to_mel(SGS_HTK, line * spacing) : line * spacing;
}

static double height_at(const double edge[3], double x)
{
    double rising = (x - edge[0]) / (edge[1] - edge[0]), falling = (edge[2] - x) / (edge[2] - edge[1]);
    return rising < falling ? rising : falling;
}

void sgs_filters_fill(const struct sgs_filter_plan *plan, struct sgs_band *band, double *weight, double *place,
                      double *edge)
{
    size_t room = sgs_filter_weights(plan), used = 0;
    int first = plan->first_line;
    fill_edges(plan, edge);
    fill_places(plan, place);
    for (int c = 0; c < plan->channels; c++) {
        double scale = plan->scale == SGS_HTK ? 1 : 2 / (edge[c + 2] - edge[c]);
        while (first < plan->lines && place[first] <= edge[c])
            first++;
        band[c] = (struct sgs_band){first, 0, weight + used};
        for (int i = first; i < plan->lines && place[i] < edge[c + 2] && used < room; i++) {
            weight[used++] = height_at(edge + c, place[i]) * scale;
            band[c].count++;
        }
    }
}

double sgs_band_energy(const struct sgs_band *band, const double *power)
{
    double energy = 0;
    for (int i = 0; i < band->count; i++)
        energy += power[band->first + i] * band->weight[i];
    return energy;
}

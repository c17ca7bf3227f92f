"""A clip to look at: its waveform over its spectrogram."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from board_runner.contract import Array
from board_runner.frontends import framing
from deployer.reporting.figures.theme import ACCENT, Plot, plot

COLUMNS, ROWS = 240, 64
FLOOR_DB, SHADES = -80.0, 24
"""What is quieter than the loudest by so much is black; few shades make a small picture."""

_WINDOW_S = 0.032


def sound(samples: Array, rate_hz: int, *, name: str, clip: str) -> Plot:
    """Mono samples (n,) in -1..1, at least one; the spectrogram in dB below its loudest point."""
    seconds = samples.size / rate_hz
    low, high = _envelope(samples)
    picture = spectrogram_db(samples, rate_hz)

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
        upper.fill_between(np.linspace(0, seconds, low.size), low, high, color=ACCENT, lw=0)
        upper.set_ylim(-1, 1)
        upper.set_yticks([-1, 0, 1])
        lower.imshow(
            np.round((picture - FLOOR_DB) * (SHADES / -FLOOR_DB)),
            aspect="auto",
            origin="lower",
            cmap="magma",
            vmin=0,
            vmax=SHADES,
            extent=(0, seconds, 0, rate_hz / 2000),
            interpolation="none",
        )
        lower.grid(visible=False)
        lower.set_xlabel("seconds")
        lower.set_ylabel("kHz")

    peak = float(np.abs(samples).max())
    level = f"its peak is {20 * np.log10(peak):.1f} dB below full scale" if peak else "it is silent"
    caption = f"{seconds:.2f} s at {rate_hz} Hz; {level.replace(' -', ' ')}."
    return plot(draw, name=name, title=clip, caption=caption, width=400.0, height=240.0)


def spectrogram_db(samples: Array, rate_hz: int) -> Array:
    """(bins, frames): power of Hann-weighted frames in dB below the loudest, FLOOR_DB at least; for the eye."""
    window = max(16, round(_WINDOW_S * rate_hz))
    filled = framing.fitted(samples, max(samples.size, window))
    stride = max(1, (filled.size - window) // (COLUMNS - 1))
    length = framing.fft_length(window)
    framed = framing.frames(filled, window, stride)
    power = np.square(framing.magnitudes(framed, framing.hann(window, periodic=True), length))
    groups = np.array_split(power[:, 1:], ROWS, axis=1)
    pooled = np.stack([group.max(axis=1) for group in groups if group.shape[1]])
    loudest = float(pooled.max())
    if loudest == 0.0:
        return np.full(pooled.shape, FLOOR_DB)
    return np.asarray(np.maximum(10 * np.log10(np.maximum(pooled / loudest, 1e-30)), FLOOR_DB))


def _envelope(samples: Array) -> tuple[Array, Array]:
    parts = np.array_split(samples, min(samples.size, 2 * COLUMNS))
    return np.array([part.min() for part in parts]), np.array([part.max() for part in parts])

"""Augmentations of a clip against the formulas they are named after."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer.training import augment

RNG = np.random.default_rng(5)
CLIP = RNG.standard_normal(4000).astype(np.float32)


def test_gains_shifts_and_rolls() -> None:
    """By hand, on four samples."""
    x = np.array([1, 2, 3, 4], np.float32)
    assert augment.gained(x, 0.5).tolist() == [0.5, 1, 1.5, 2]
    assert augment.gained(x, 0.0, 1, 3).tolist() == [1, 0, 0, 4]
    assert augment.shifted(x, 1).tolist() == [0, 1, 2, 3]
    assert augment.shifted(x, -3).tolist() == [4, 0, 0, 0]
    assert augment.shifted(x, 0).tolist() == [1, 2, 3, 4]
    assert augment.rolled(x, 1).tolist() == [4, 1, 2, 3]
    assert x.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 37.0])
def test_noise_lies_as_far_below_the_clip_as_asked(snr_db: float) -> None:
    """10 log10 of the ratio of powers."""
    noise = augment.coloured(CLIP.size, 0.0, np.random.default_rng(1))
    added = augment.noisy(CLIP, noise, snr_db).astype(np.float64) - CLIP
    assert 10 * np.log10(np.mean(CLIP.astype(np.float64) ** 2) / np.mean(added**2)) == pytest.approx(
        snr_db, abs=1e-3
    )


def test_silence_stays_silence() -> None:
    """Noise is measured by the clip: none is added to none."""
    assert not augment.noisy(np.zeros(8, np.float32), np.ones(8, np.float32), 10.0).any()


@pytest.mark.parametrize("exponent", augment.COLOURS)
def test_coloured_noise_falls_as_its_exponent_says(exponent: float) -> None:
    """The slope of log power over log frequency, over three decades; root mean square 1."""
    noise = augment.coloured(1 << 16, exponent, np.random.default_rng(2)).astype(np.float64)
    power = np.abs(np.fft.rfft(noise)) ** 2
    edges = np.geomspace(30, 30_000, 25).astype(int)
    means = [power[low:high].mean() for low, high in itertools.pairwise(edges)]
    slope = np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), np.log(means), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.1)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.2])
def test_a_faster_clip_is_shorter_and_higher(speed: float) -> None:
    """A tone of 1000 Hz becomes one of 1000 times the speed."""
    time_s = np.arange(16000) / 16000
    y = augment.resampled(np.sin(2e3 * np.pi * time_s).astype(np.float32), speed)
    assert abs(y.size - 16000 / speed) <= 2
    peak_hz = np.argmax(np.abs(np.fft.rfft(y, 1 << 17))) * 16000 / (1 << 17)
    assert peak_hz == pytest.approx(1000 * speed, abs=1.0)


def test_a_window_is_part_of_a_long_clip_and_all_of_a_short_one() -> None:
    """Every place of a long clip comes up; a short one gets silence at its end."""
    x = np.arange(1, 7, dtype=np.float32)
    rng = np.random.default_rng(0)
    starts = {int(augment.window(x, 4, rng)[0]) for _ in range(60)}
    assert starts == {1, 2, 3}
    assert augment.window(x, 8, rng).tolist() == [1, 2, 3, 4, 5, 6, 0, 0]
    assert augment.window(x, 6, rng).tolist() == x.tolist()


@pytest.mark.parametrize("name", augment.DRAWN)
def test_each_augmentation_comes_by_chance(name: str) -> None:
    """About half of the clips are changed, none in length or type, and the given clip never."""
    kept = CLIP.copy()
    made: list[Array] = [augment.augmented(CLIP, (name,), np.random.default_rng(n)) for n in range(200)]
    assert all((y.shape, y.dtype) == (CLIP.shape, CLIP.dtype) for y in made)
    assert 70 < sum(not np.array_equal(y, CLIP) for y in made) < 130
    assert np.array_equal(kept, CLIP)


def test_without_names_nothing_happens() -> None:
    """No augmentation is on unless named; one that we do not have is refused."""
    assert np.array_equal(augment.augmented(CLIP, (), np.random.default_rng(0)), CLIP)
    assert augment.at_any_speed(CLIP, ("amp",), np.random.default_rng(0)) is CLIP
    with pytest.raises(UsageError, match="no augmentation 'reverb'"):
        augment.check(("amp", "reverb"))

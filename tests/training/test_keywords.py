"""DS-CNN-S learns words that are synthesised: voices that glide from one vowel to another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.models import kws
from deployer import prepare, training
from deployer.datasets import classes
from deployer.training import recipes
from deployer.training.settings import Limits

pytestmark = pytest.mark.torch
pytest.importorskip("torch", reason="PyTorch is not installed")

AH, EE, OO = (750, 1200), (300, 2300), (320, 800)
WORDS_HZ = {"ai": (AH, EE), "ia": (EE, AH), "ua": (OO, AH), "au": (AH, OO)}
"""First and second formant at the start and at the end."""
RATE_HZ = 16000


def _word(formants: tuple[tuple[int, int], tuple[int, int]], rng: np.random.Generator) -> Array:
    """A second with one word somewhere in it, of any voice: harmonics under two resonances that move."""
    count = int(RATE_HZ * rng.uniform(0.4, 0.7))
    glide = np.linspace(0, 1, count)
    pitch_hz = rng.uniform(90, 220) * (1 + 0.1 * rng.uniform(-1, 1) * glide)
    phase, size = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ, rng.uniform(0.9, 1.1)
    resonances_hz = [size * (start + (end - start) * glide) for start, end in zip(*formants, strict=True)]
    wave = np.zeros(count)
    for number in range(1, int(3800 / pitch_hz.max()) + 1):
        level = sum(1 / (1 + ((number * pitch_hz - middle) / 90) ** 2) for middle in resonances_hz)
        wave += level * np.sin(number * phase)
    clip = 1e-3 * rng.standard_normal(RATE_HZ)
    first = rng.integers(RATE_HZ - count)
    clip[first : first + count] += 0.5 * wave / np.abs(wave).max() * np.hanning(count) ** 0.25
    samples, _ = prepare.to_int16(clip * rng.uniform(0.3, 1.0))
    return samples


def test_words_are_learnt(tmp_path: Path) -> None:
    """Pairs of words that differ by their order in time alone: over 90 % of held-out voices are heard rightly."""
    rng = np.random.default_rng(11)
    for name, formants in WORDS_HZ.items():
        (tmp_path / "source" / name).mkdir(parents=True)
        for number in range(20):
            data = prepare.wav_bytes(_word(formants, rng), RATE_HZ)
            (tmp_path / "source" / name / f"{number}.wav").write_bytes(data)
    data_set = tmp_path / "data"
    classes.make(tmp_path / "source", data_set, kws.contract(), shares=classes.shares_of("60,20,20"))
    told = recipes.settings("kws", {"batch_size": 8, "n_epochs": 11, "ema": 0.8, "max_lr": 5e-3})
    report = training.run(data_set, tmp_path / "r1", told, limits=Limits(device="cpu", jobs=2))
    assert report.val_accuracy is not None
    assert report.test_accuracy is not None
    assert report.val_accuracy > 0.9
    assert report.test_accuracy > 0.9

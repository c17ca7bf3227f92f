"""Tones of four classes as a prepared data set, and a network that learns them in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployer import prepare
from deployer.datasets import classes
from deployer.training import recipes
from deployer.training.settings import TrainSettings

TONES_HZ = {"low": 500, "mid": 1200, "high": 2600, "top": 5200}
SECONDS = 0.035
TINY: dict[str, Any] = {
    "nf": 4,
    "emb_dim": 16,
    "n_layers": 1,
    "n_head": 2,
    "dim_feedforward": 24,
    "ds_factors": [2, 2],
    "seq_len": 512,
    "batch_size": 16,
    "max_lr": 5e-3,
    "ema": 0.8,
    "wd": 0.01,
    "n_epochs": 3,
    "epoch_mix": 1,
}
"""The least EAT that still has every kind of layer, and a short schedule."""


def write_tones(folder: Path, *, rate_hz: int, clips: int, seconds: float = SECONDS) -> Path:
    """`clips` wavs a class: a tone of its frequency, 10 % up or down, of any phase, in some noise."""
    rng = np.random.default_rng(11)
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    for name, hz in TONES_HZ.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for number in range(clips):
            angle = 2 * np.pi * hz * rng.uniform(0.9, 1.1) * time_s + rng.uniform(0, 2 * np.pi)
            wave = 0.3 * np.sin(angle) + 0.05 * rng.standard_normal(time_s.size)
            samples, _ = prepare.to_int16(wave)
            (place / f"{number}.wav").write_bytes(prepare.wav_bytes(samples, rate_hz))
    return folder


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set: 24 clips a class at 22.05 kHz, 14 to learn from, 5 to choose by, 5 to test."""
    from board_runner.models import eat

    place = tmp_path_factory.mktemp("tones")
    source = write_tones(place / "source", rate_hz=22050, clips=24)
    classes.make(source, place / "data", eat.contract(), shares=classes.shares_of("60,20,20"))
    return place / "data"


@pytest.fixture
def tiny() -> Callable[..., TrainSettings]:
    """Makes the settings of a tiny EAT, but for the changes given."""

    def make(**changes: Any) -> TrainSettings:
        return recipes.settings("eat", TINY | changes)

    return make

"""What a training is told. The defaults are the published command line of EAT-S on ESC-50."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from board_runner.errors import UsageError

MixLoss = Literal["bce", "ce"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """All that decides the result, under the names that trainers give them in `args.yml`.

    `sizes` are those of the network, see `recipes`. `n_epochs` is the length of the whole schedule. `fold_id` is
    the fold that is held out for testing; `val_fold` another one, by which the best network is chosen; without it
    that is the test fold. `wd` is weight decay, `ema` the decay of the averaged weights, 0 for none. From
    `epoch_mix` on a batch is mixed with probability `mix_ratio`, and has the loss `mix_loss`. `load_path` is the
    checkpoint folder to begin with.
    """

    model: str = "eat"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    max_lr: float = 3e-4
    n_epochs: int = 3500
    batch_size: int = 128
    mix_ratio: float = 1.0
    epoch_mix: int = 12
    mix_loss: MixLoss = "bce"
    augs_mix: tuple[str, ...] = ("mixup", "timemix", "freqmix", "phmix")
    augs: tuple[str, ...] = ("speed", "amp", "neg", "tshift", "tmask", "ampsegment", "cycshift", "noise")
    ema: float = 0.995
    wd: float = 1e-5
    label_smoothing: float = 0.1
    fold_id: int = 1
    val_fold: int | None = None
    amp: bool = True
    seed: int = 0
    load_path: str | None = None

    def check(self) -> None:
        """Raise UsageError for a value outside its range."""
        ranges: Mapping[str, tuple[float, float]] = {
            "max_lr": (1e-12, 10),
            "n_epochs": (1, 1e7),
            "batch_size": (1, 1e6),
            "mix_ratio": (0, 1),
            "epoch_mix": (0, math.inf),
            "ema": (0, 0.999999),
            "wd": (0, 10),
            "label_smoothing": (0, 0.99),
            "seed": (0, 2**63 - 1),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} is {getattr(self, name)}, wants {low:g} to {high:g}")
        if self.val_fold == self.fold_id:
            raise UsageError(f"val_fold and fold_id are both {self.fold_id}")

    def as_data(self) -> dict[str, Any]:
        """Plain values, the sizes among the others."""
        values = asdict(self)
        sizes = values.pop("sizes")
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in (values | sizes).items()
        }


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one call may take, and what it runs on; none of it changes the result on one and the same machine.

    `epochs` are those of this call, `jobs` the threads that read and augment clips, `device` `auto`, `cpu`, `cuda`.
    """

    epochs: int | None = None
    max_minutes: float | None = None
    device: str = "auto"
    jobs: int | None = None


def folder_of(save_path: Path, run_name: str) -> Path:
    """The folder of a run, as the published trainer lays it out; raises UsageError for a name that is a path."""
    if not run_name or Path(run_name).name != run_name:
        raise UsageError(f"run name {run_name!r}", hint="a plain name; --save-path says where")
    return save_path / run_name

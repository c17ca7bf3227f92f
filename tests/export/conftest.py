"""Checkpoint folders as the trainer writes them, small and with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SMALL = {
    "nf": 4,
    "emb_dim": 16,
    "n_layers": 2,
    "n_head": 2,
    "dim_feedforward": 24,
    "ds_factors": [2, 2],
    "seq_len": 512,
    "n_classes": 6,
}
"""The least EAT that still has every kind of layer."""

TAGGED = """!!python/object:argparse.Namespace
model_type: SoundNetRaw
run_name: !!python/object/apply:pathlib.PosixPath
- r1
sampling_rate: 22050
"""


def settings_text(**changes: Any) -> str:
    """`args.yml` with the trainer's tags; a size changed to None is left out."""
    lines = [f"{key}: {value}" for key, value in (SMALL | changes).items() if value is not None]
    return TAGGED + "\n".join(lines) + "\n"


@pytest.fixture
def settings() -> Callable[..., str]:
    """Makes the text of an `args.yml` that fits `small_state`, but for the changes given."""
    return settings_text


@pytest.fixture
def small_state() -> dict[str, Any]:
    """The state dict of a small EAT, every tensor random and every layer different."""
    torch = pytest.importorskip("torch")
    from deployer.export.eat import Eat, EatShape

    torch.manual_seed(7)
    shape = EatShape(
        nf=4, width=16, layers=2, heads=2, feed_forward=24, factors=(2, 2), samples=512, classes=6
    )
    state: dict[str, Any] = Eat(shape).state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif value.is_floating_point() and not name.endswith("filt"):
            value.add_(torch.randn_like(value) * 0.2)
    return state


@pytest.fixture
def checkpoint_of(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint folder of `content` (as `chkpnt.pt`) and `settings` (as `args.yml`)."""

    def write(content: Any, settings: str | None = None) -> Path:
        torch = pytest.importorskip("torch")
        folder = tmp_path / "checkpoint"
        folder.mkdir(exist_ok=True)
        (folder / "args.yml").write_text(settings_text() if settings is None else settings, encoding="utf-8")
        torch.save(content, folder / "chkpnt.pt")
        return folder

    return write

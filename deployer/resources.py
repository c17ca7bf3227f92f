"""Where the packaged `configs/` and the runner's data lie, in a checkout and in a wheel alike."""

from __future__ import annotations

from pathlib import Path

import board_runner


def configs_dir() -> Path:
    """The folder of defaults: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__).parent
    packed = here / "configs"
    return packed if packed.is_dir() else here.parent / "configs"


def data_dir() -> Path:
    """The shipped model, clips and golden values."""
    return Path(board_runner.__file__).parent / "data"

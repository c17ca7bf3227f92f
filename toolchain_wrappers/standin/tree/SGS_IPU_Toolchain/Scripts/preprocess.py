"""Loads the user's preprocess script, as calibrator and simulator do."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import console
import numpy as np
import numpy.typing as npt

Prepare = Callable[[str], npt.NDArray[np.float32]]


def load(path: Path) -> Prepare:
    """`image_preprocess(path, norm=True)` of a script."""
    spec = importlib.util.spec_from_file_location("user_preprocess", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise FileNotFoundError(f"{console.RED}Can not find preprocess file: {path}{console.PLAIN}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    prepare: Prepare = module.image_preprocess
    return prepare

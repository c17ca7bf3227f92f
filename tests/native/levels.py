"""The levels that every instruction gives, by the C programs and by the Python runner."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from board_runner.contract import Tensors
from board_runner.integer.engine import OfflineEngine
from tests.native.build import Built


def dump(built: Built, image: Path, rows: Path, folder: Path, *, kernels: str = "", threads: int = 1) -> str:
    """Run one input file through `dla_simulator`, levels into `folder`; gives its stdout."""
    folder.mkdir(exist_ok=True)
    env = {"SGS_LEVELS": str(folder), "SGS_KERNELS": kernels, "SGS_THREADS": str(threads)}
    done = built.run("dla_simulator", "-i", rows, "-m", image, cwd=folder.parent, env=env)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def differing(engine: OfflineEngine, inputs: Tensors, folder: Path) -> list[str]:
    """The instructions whose dumped levels are not numpy's, bit by bit."""
    wrong = []
    for number, (step, levels) in enumerate(engine.trace(inputs)):
        expected = np.ascontiguousarray(levels).tobytes()
        if (folder / f"{number:04d}.bin").read_bytes() != expected:
            wrong.append(f"{number} {step.op} {step.name}")
    return wrong

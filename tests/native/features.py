"""Clips of every length at a front end's rate, and what the C front end makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from board_runner.contract import Array, InputContract
from deployer.events import ignore
from deployer.prepare import prepare
from tests.native import scorers
from tests.native.build import Built
from tests.native.conftest import CLIPS


def clips(folder: Path, contract: InputContract, count: int = len(CLIPS)) -> list[Path]:
    """The first shipped clips at the contract's rate, and sounds of other lengths, sorted."""
    made = [each.target for each in prepare(CLIPS[:count], folder, contract, emit=ignore)]
    for name, samples in scorers.sounds(contract.sample_rate_hz).items():
        made.append(folder / f"{name}.wav")
        soundfile.write(made[-1], samples, contract.sample_rate_hz, subtype="PCM_24")
    return sorted(made)


def probed(built: Built, contract: InputContract, paths: list[Path], folder: Path) -> list[Array]:
    """The input that C makes of each wav, float32 (n,)."""
    done = built.run("probe", "input", scorers.write_image(folder, contract), *paths)
    assert (0, "") == (done.returncode, done.stderr)
    words = [line.removeprefix("ok ") for line in done.stdout.splitlines()]
    return [np.frombuffer(bytes.fromhex(word), ">u4").astype(np.uint32).view(np.float32) for word in words]

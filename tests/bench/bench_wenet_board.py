"""WeNet's graph of fixed sizes at full size: bytes of the image and its arena, and the board program's times.

    python tests/bench/bench_wenet_board.py [--chunk 16] [--left 4] [--seconds 5] [--conv-bits 8]

Random weights, the shipped clips at 16 kHz; needs the extra [export]. CPU time of the program, its start included,
stands beside what it prints: on a busy machine it is the one to believe.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[2]))

import soundfile

from board_runner.integer import image
from board_runner.models.wenet_chunks import Chunking
from board_runner.quant.settings import QuantSettings
from tests.wenet import streams
from tests.wenet.conftest import random_network

FULL = {"width": 256, "hidden": 2048, "layers": 12, "tokens": 4233}


def main() -> int:
    """Convert, run one clip, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--chunk", type=int, default=16)
    options.add_argument("--left", type=int, default=4)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--conv-bits", type=int, choices=(8, 16), default=8)
    asked = options.parse_args()
    bits: Literal[8, 16] = 16 if asked.conv_bits == 16 else 8
    clips = [streams.sound(path, asked.seconds) for path in streams.CLIPS[1:3]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        chunking = Chunking(frames=asked.chunk, left_chunks=asked.left)
        made = streams.write(folder, random_network(**FULL), chunking, clips)
        fixed = made.fixed("full", QuantSettings(conv_bits=bits))
        path = fixed.with_suffix(".img")
        arena = image.read(path).plan.arena_bytes
        print(f"image {path.stat().st_size} bytes, arena {arena} bytes, {asked.seconds:g} s of audio")
        soundfile.write(folder / "clip.wav", clips[0], 16000, subtype="PCM_16")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        argv = [sys.executable, "-m", "board_runner.prog_sed_eat", "-i", "clip.wav", "-m", path.name]
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OPENBLAS_NUM_THREADS": "1",
        }
        done = subprocess.run(argv, cwd=folder, env=environment, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"CPU time {cpu_s:.2f} s")
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())

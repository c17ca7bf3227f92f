"""`deploy eval --jobs 2` beside two copies of `deploy` that share its clips, in turn, starts included.

python tests/bench/bench_eval.py [--clips 300] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np


def main() -> None:
    """A line a round, and the median of the ratios: above 1 the two processes are the quicker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        make_clips(home, given.clips)
        ratios = []
        for number in range(1, given.rounds + 1):
            one = timed([evaluation(home, "all", jobs=2)])
            two = timed([evaluation(home, half, jobs=1) for half in ("even", "odd")])
            ratios.append(two / one)
            load = os.getloadavg()[0]
            print(f"round {number}: two processes {one:.1f} s, two copies {two:.1f} s, load {load:.1f}")
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"speed of two copies reached: median {statistics.median(ratios):.2f} of {each}")


def make_clips(home: Path, count: int) -> None:
    """Different noises of five seconds under ESC-50's names, all of them and in two halves, each a project."""
    rng = np.random.default_rng(1)
    for name in ("all", "even", "odd"):
        (home / name / "clips").mkdir(parents=True)
        (home / name / "deploy.yaml").write_text("chip: pcupid\n", encoding="utf-8")
    for number in range(count):
        place = home / "all" / "clips" / f"1-{number}-A-{number % 50}.wav"
        with wave.open(str(place), "wb") as file:
            file.setparams((1, 2, 22050, 0, "NONE", ""))
            file.writeframes(rng.integers(-9000, 9000, 110250).astype("<i2").tobytes())
        os.link(place, home / ("odd" if number % 2 else "even") / "clips" / place.name)


def evaluation(home: Path, name: str, *, jobs: int) -> list[str]:
    """The command over one of the folders."""
    place = home / name
    words = ["eval", str(place / "clips"), "--jobs", str(jobs), "--fresh", "-q"]
    return [sys.executable, "-m", "deployer", *words, "--config", str(place / "deploy.yaml")]


def timed(commands: list[list[str]]) -> float:
    """Seconds until all of them, begun at once, have ended well."""
    start = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"exit codes {codes}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

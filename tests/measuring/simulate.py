"""The statistics of a bench on data whose truth is known: `PYTHONPATH=. python tests/measuring/simulate.py [RUNS]`.

Latencies are made up from three distributions with known medians: normal noise, a long tail to one side, and the
logarithm of a normal one. For each: how often the interval holds the true median, how often the gate fails a bench
that has not changed, and how often it finds one that is 5 % slower.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployer.errors import CheckFailed
from deployer.measuring import gate
from deployer.measuring.gate import Verdict
from deployer.measuring.intervals import median_interval
from deployer.records import BoardInfo, RunRecord, Sample

RUNS = 2000
LIMIT = 0.05

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Invoke times in milliseconds with a known median."""

    median_ms: float
    draw: Draw


SOURCES = {
    "normal": Source(median_ms=50.0, draw=lambda rng, n: rng.normal(50.0, 1.5, n)),
    "long tail": Source(
        median_ms=50.0, draw=lambda rng, n: 50.0 + rng.exponential(3.0, n) - 3.0 * float(np.log(2))
    ),
    "lognormal": Source(median_ms=50.0, draw=lambda rng, n: 50.0 * rng.lognormal(0.0, 0.05, n)),
}


def coverage(source: Source, n: int, *, runs: int, seed: int = 1) -> float:
    """The share of samples whose interval holds the true median."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(runs):
        interval = median_interval(source.draw(rng, n))
        assert interval is not None
        hits += interval.low <= source.median_ms <= interval.high
    return hits / runs


def failed(
    source: Source, n: int, *, slower: float, runs: int, clips: int = 1, seed: int = 2
) -> tuple[float, float]:
    """The share of benches that the gate fails, and the mean width of its interval."""
    rng = np.random.default_rng(seed)
    fails, width = 0, 0.0
    for _ in range(runs):
        a = record(source, rng, n, clips=clips)
        b = record(source, rng, n, clips=clips, factor=1 + slower)
        try:
            found = gate.against_baseline(a, b, limit=LIMIT)
        except CheckFailed:  # by chance the baseline looks unsteady: a person would bench it again
            continue
        fails += found.verdict is Verdict.SLOWER
        width += found.high - found.low
    return fails / runs, width / runs


def in_turns(source: Source, n: int, *, slower: float, runs: int, seed: int = 3) -> float:
    """The share of A/B benches, on a board that slows down by a tenth meanwhile, that the gate fails."""
    rng = np.random.default_rng(seed)
    fails = 0
    for _ in range(runs):
        warming = np.linspace(1.0, 1.1, n)
        samples = [
            *_samples(source.draw(rng, n) * warming, "c", "a"),
            *_samples(source.draw(rng, n) * warming * (1 + slower), "c", "b"),
        ]
        fails += gate.of_turns(samples, limit=LIMIT).verdict is Verdict.SLOWER
    return fails / runs


def record(source: Source, rng: np.random.Generator, n: int, *, clips: int, factor: float = 1.0) -> RunRecord:
    """A bench of `n` runs of each clip; each clip takes longer than the one before."""
    samples = [
        sample
        for clip in range(clips)
        for sample in _samples(source.draw(rng, n) * factor * (1 + clip), f"{clip}", "")
    ]
    return RunRecord(
        id="made-up",
        kind="bench",
        created="2026-01-01T00:00:00+00:00",
        model="eat",
        board=BoardInfo(name="none"),
        labels=(),
        targets={},
        sha256={},
        settings={},
        samples=tuple(samples),
    )


def _samples(times_ms: NDArray[np.float64], clip: str, variant: str) -> list[Sample]:
    return [
        Sample(clip=clip, run=run, invoke_ms=float(ms), post_process_ms=0.1, class_id=0, variant=variant)
        for run, ms in enumerate(times_ms, 1)
    ]


def main(runs: int = RUNS) -> None:
    """Print every figure."""
    print(f"{'share of intervals that hold the median':44}" + "".join(f"{f'n={n}':>9}" for n in SIZES))
    for name, source in SOURCES.items():
        row = [f"{coverage(source, n, runs=runs):9.1%}" for n in SIZES]
        print(f"  {name:42}" + "".join(row), flush=True)
    print(f"{'benches that the gate (5 %) fails, n=30':44}{'same':>9}{'5 % slower':>12}{'width':>9}")
    for name, source in SOURCES.items():
        for clips in (1, 5):
            same, width = failed(source, 30, slower=0.0, runs=runs, clips=clips)
            slower, _ = failed(source, 30, slower=0.05, runs=runs, clips=clips)
            label = f"  {name}, {clips} clip{'s' * (clips > 1)}"
            print(f"{label:44}{same:9.1%}{slower:12.1%}{width:9.1%}", flush=True)
    source = SOURCES["normal"]
    same, slower = (in_turns(source, 30, slower=by, runs=runs) for by in (0.0, 0.05))
    print(f"{'  in turns, while the board slows by 10 %':44}{same:9.1%}{slower:12.1%}")


SIZES = (30, 31, 51, 100, 300)

if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

"""The statistics of a bench on data whose truth is known.

    PYTHONPATH=. python tests/measuring/simulate.py [RUNS [PART]]

Latencies are made up from three distributions with known medians: normal noise, a long tail to one side, and the
logarithm of a normal one. For each: how often the interval holds the true median, how often the gate fails a bench
that has not changed, how often it finds one that is 5 % slower, and when and how well `--until-stable` ends one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from deployer.errors import CheckFailed
from deployer.measuring import gate
from deployer.measuring.gate import Verdict
from deployer.measuring.intervals import median_interval
from deployer.measuring.looks import Looks
from deployer.measuring.request import MOST_RUNS, Request
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


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Of benches held against a baseline. `named`: one clip was said to be slower by itself, though none is."""

    unchanged_failed: float
    slower_failed: float
    named: float
    refused: float  # of all: by chance the baseline looked unsteady
    width: float  # mean, of the interval


def gate_rates(
    source: Source, n: int, *, runs: int, clips: int = 1, slower: float = LIMIT, seed: int = 2
) -> Rates:
    """How often the gate fails a bench that has not changed, and one that is slower, of those that it judges.

    A factor on all of a bench's times moves effect and interval by that factor and nothing else, so that one
    comparison answers for both.
    """
    rng = np.random.default_rng(seed)
    failed = found = named = refused = 0
    width = 0.0
    for _ in range(runs):
        a, b = (record(source, rng, n, clips=clips) for _ in range(2))
        try:
            judged = gate.against_baseline(a, b, limit=LIMIT)
        except CheckFailed:
            refused += 1
            continue
        failed += judged.verdict is Verdict.SLOWER
        low, high = ((1 + end) * (1 + slower) - 1 for end in (judged.low, judged.high))
        found += gate.judged(low=low, high=high, limit=LIMIT, floor=0.0) is Verdict.SLOWER
        named += any("by itself" in note for note in judged.notes)
        width += judged.high - judged.low
    whole = max(1, runs - refused)
    return Rates(
        unchanged_failed=failed / whole,
        slower_failed=found / whole,
        named=named / whole,
        refused=refused / runs,
        width=width / whole,
    )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Of benches that end by themselves. `covered`: the interval at the end holds the true median; `near`: the
    median lies within the share asked for of the true one."""

    covered: float
    near: float
    given_up: float
    runs: float  # the median bench's


def until_stable(source: Source, share: float, *, runs: int, most: int = MOST_RUNS, seed: int = 4) -> Ended:
    """Benches of one clip that end when the interval of their median is no wider than `share`."""
    rng = np.random.default_rng(seed)
    request = Request(until_stable=share)
    covered = near = given_up = 0
    took = []
    for _ in range(runs):
        samples = _samples(source.draw(rng, most), "c", "")
        looks = Looks()
        ended = (n for n in range(1, most + 1) if looks.due(n) and request.is_stable(samples[:n]))
        last = next(ended, None)
        n = last or most
        times = [sample.invoke_ms for sample in samples[:n]]
        interval = median_interval(times)
        assert interval is not None
        covered += interval.low <= source.median_ms <= interval.high
        near += abs(float(np.median(times)) / source.median_ms - 1) <= share
        given_up += last is None
        took.append(n)
    return Ended(
        covered=covered / runs, near=near / runs, given_up=given_up / runs, runs=float(np.median(took))
    )


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


def main(runs: int = RUNS, part: str = "all") -> None:
    """Print every figure, or those of `intervals`, `gate`, `stable` or `turns`."""
    if part in ("all", "intervals"):
        print(f"{'share of intervals that hold the median':44}" + "".join(f"{f'n={n}':>9}" for n in SIZES))
        for name, source in SOURCES.items():
            row = [f"{coverage(source, n, runs=runs):9.1%}" for n in SIZES]
            print(f"  {name:42}" + "".join(row), flush=True)
    if part in ("all", "gate"):
        heads = ("unchanged", "5 % slower", "clip named", "refused", "width")
        print(f"{'benches that the gate (5 %) fails, n=30':44}" + "".join(f"{head:>12}" for head in heads))
        for clips in CLIPS:
            for name, source in SOURCES.items():
                found = gate_rates(source, 30, runs=runs, clips=clips)
                label = f"  {name}, {clips} clip{'s' * (clips > 1)}"
                values = (getattr(found, field.name) for field in fields(Rates))
                print(f"{label:44}" + "".join(f"{value:12.2%}" for value in values), flush=True)
    if part in ("all", "stable"):
        print(
            f"{'--until-stable 1%: benches that it ends':44}{'covered':>12}{'near':>12}{'gave up':>12}{'runs':>9}"
        )
        for name, source in SOURCES.items():
            ended = until_stable(source, 0.01, runs=runs)
            rates = (ended.covered, ended.near, ended.given_up)
            print(
                f"  {name:42}" + "".join(f"{rate:12.1%}" for rate in rates) + f"{ended.runs:9.0f}", flush=True
            )
    if part in ("all", "turns"):
        source = SOURCES["normal"]
        same, slower = (in_turns(source, 30, slower=by, runs=runs) for by in (0.0, 0.05))
        print(f"{'  in turns, while the board slows by 10 %':44}{same:12.2%}{slower:12.2%}")


CLIPS = (1, 5)
SIZES = (30, 31, 51, 100, 300)

if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else RUNS, *sys.argv[2:3])

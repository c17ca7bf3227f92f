"""Which quantisations are worth trying, and which of those tried is chosen. Pure: records in, records out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from board_runner.errors import UsageError
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import Level, QuantSettings, RangeMethod
from deployer.errors import CheckFailed

ConvBits: TypeAlias = Literal["all 8", "mixed", "all 16"]

SPEED_NOISE = 1.05
"""A median that is slower by less than this factor counts as equal."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One quantisation to try. `in_ini` says whether input_config.ini can hold it at the vendor's default level."""

    name: str
    level: Level
    conv_bits: ConvBits
    range_method: RangeMethod | None = None
    int16_inputs: tuple[str, ...] = ()
    in_ini: bool = False

    @property
    def settings(self) -> QuantSettings:
        """What the quantiser is asked for; it upgrades nothing by itself."""
        return QuantSettings(
            level=self.level,
            conv_bits=16 if self.conv_bits == "all 16" else 8,
            range_method=self.range_method,
            int16_inputs=self.int16_inputs,
            upgrade=False,
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """A candidate, converted and judged. `invoke_ms` is the median on this machine's simulator, not a board's."""

    candidate: Candidate
    sqnr_db: float
    sqnr_worst_db: float
    top1_agreement: float
    flips: tuple[str, ...]
    image_bytes: int
    invoke_ms: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the choice must keep; without either it is the knee of the front."""

    min_sqnr_db: float | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen result and the sentence that says why."""

    result: Result
    why: str


def ranked(sites: Sequence[Site]) -> list[Site]:
    """Noise energy saved at the model's output per extra byte, most first; the first convolution is left out,
    for `tensor_arrays` does not reach it. Of equals the earlier."""
    return sorted(
        (site for site in sites if not site.first),
        key=lambda site: -(site.sensitivity**2) / max(site.extra_bytes, 1),
    )


def candidates(sites: Sequence[Site]) -> list[Candidate]:
    """Both ends, the levels and range methods with all convolutions in 8 bits, and prefixes of the ranking.

    Prefixes of 1, 2, 4, 8, 12, 16, 24, ... sites and of all: the ranking makes each the best of its size, so
    that a handful stands for the 2^n choices there are.
    """
    order = [site.name for site in ranked(sites)]
    found = [
        Candidate(name="L1", level="L1", conv_bits="all 8"),
        Candidate(name="L2", level="L2", conv_bits="all 8"),
        Candidate(name="L2 percentile", level="L2", conv_bits="all 8", range_method="percentile"),
        Candidate(name="L3", level="L3", conv_bits="all 8", in_ini=True),
    ]
    found += [
        Candidate(
            name=f"L3 +{count}", level="L3", conv_bits="mixed", int16_inputs=tuple(order[:count]), in_ini=True
        )
        for count in _prefixes(len(order))
    ]
    found.append(Candidate(name="16 bit", level="L2", conv_bits="all 16", in_ini=True))
    return found


def _prefixes(most: int) -> list[int]:
    counts = {2**k for k in range(most.bit_length())} | {3 * 2**k for k in range(2, most.bit_length())}
    return [*sorted(count for count in counts if count < most), *([most] if most else [])]


def front(results: Sequence[Result]) -> list[Result]:
    """Those that no other beats, smallest first: none has at least their SQNR in no more bytes and no more
    time (within SPEED_NOISE) and is better in SQNR or bytes."""
    kept = [r for r in results if not any(_beats(other, r) for other in results)]
    return sorted(kept, key=lambda r: (r.image_bytes, -r.sqnr_db))


def _beats(a: Result, b: Result) -> bool:
    no_worse = (
        a.sqnr_db >= b.sqnr_db and a.image_bytes <= b.image_bytes and a.invoke_ms <= SPEED_NOISE * b.invoke_ms
    )
    return no_worse and (a.sqnr_db > b.sqnr_db or a.image_bytes < b.image_bytes)


def choose(results: Sequence[Result], limits: Limits) -> Choice:
    """The choice among what the ini can hold. Raises CheckFailed when nothing keeps the limits.

    With `min_sqnr_db` the smallest image, with `max_bytes` alone the best SQNR, with neither the knee: the
    front's point farthest above the line between its ends, bytes and dB each scaled to 0..1.
    """
    open_to = [r for r in results if r.candidate.in_ini]
    if not open_to:
        raise UsageError("nothing was tried that an ini can hold")
    fit = [r for r in open_to if _keeps(r, limits)]
    if not fit:
        best = max(open_to, key=lambda r: r.sqnr_db)
        least = min(open_to, key=lambda r: r.image_bytes)
        raise CheckFailed(
            "no candidate keeps the limits",
            hint=f"best SQNR {best.sqnr_db:.1f} dB in {best.image_bytes} bytes, smallest {least.image_bytes} bytes",
        )
    if limits.min_sqnr_db is not None:
        chosen = min(fit, key=lambda r: (r.image_bytes, -r.sqnr_db))
        return Choice(result=chosen, why=f"the smallest with at least {limits.min_sqnr_db:g} dB")
    if limits.max_bytes is not None:
        chosen = max(fit, key=lambda r: (r.sqnr_db, -r.image_bytes))
        return Choice(result=chosen, why=f"the best SQNR in at most {limits.max_bytes} bytes")
    return Choice(result=_knee(front(open_to)), why="the knee of the front")


def _keeps(result: Result, limits: Limits) -> bool:
    if limits.min_sqnr_db is not None and not result.sqnr_db >= limits.min_sqnr_db:
        return False
    return limits.max_bytes is None or result.image_bytes <= limits.max_bytes


def _knee(points: Sequence[Result]) -> Result:
    first, last = points[0], points[-1]
    width, height = last.image_bytes - first.image_bytes, last.sqnr_db - first.sqnr_db
    if width <= 0 or not (math.isfinite(height) and height > 0):
        return max(points, key=lambda r: r.sqnr_db)

    def above(r: Result) -> float:
        return (r.sqnr_db - first.sqnr_db) / height - (r.image_bytes - first.image_bytes) / width

    return max(points, key=above)

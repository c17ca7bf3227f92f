"""The first invoke of a process against warm ones, and starting and loading apart from a clip's own I/O.

A process of one invoke spends `rest_1` beyond what the program reports, one of n invokes `rest_n`. Both start and
load once; a clip is read and its features are computed once an invoke. So a clip's own part is
(rest_n - rest_1) / (n - 1), and starting and loading take what is left of rest_1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deployer.measuring.intervals import median_interval
from deployer.records import REPEATED, RunRecord, Sample


@dataclass(frozen=True, kw_only=True)
class ClipWarmth:
    """One clip's medians, in milliseconds. The last two are None where the runs beside them have no whole time."""

    clip: str
    first_ms: float
    warm_ms: float
    start_load_ms: float | None
    clip_io_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Warmth:
    """Over all clips. `saved`: by how much a warm invoke is shorter (0.1 is 10 %), median of the processes; `low`
    and `high` its interval of 95 %, None below 6 processes."""

    invokes: int
    processes: int
    first_ms: float
    warm_ms: float
    saved: float
    low: float | None
    high: float | None
    start_load_ms: float | None
    clip_io_ms: float | None
    clips: tuple[ClipWarmth, ...]

    @property
    def in_words(self) -> str:
        """One line."""
        change = f"{abs(self.saved):.1%} {'less' if self.saved >= 0 else 'more'}"
        sure = f"; 95 % interval {self.low:+.1%} to {self.high:+.1%}" if self.low is not None else ""
        return f"first invoke {self.first_ms:.3f} ms, warm {self.warm_ms:.3f} ms ({change}{sure})"

    @property
    def apart_in_words(self) -> str:
        """What starting costs, and what a clip costs beside its invoke; empty where it is not known."""
        if self.start_load_ms is None or self.clip_io_ms is None:
            return ""
        return f"start and load {self.start_load_ms:.1f} ms, a clip's own I/O and features {self.clip_io_ms:.1f} ms"


def of(record: RunRecord) -> Warmth | None:
    """None for a record without invokes beyond the first of a process."""
    processes: dict[tuple[str, int], list[Sample]] = {}
    for sample in record.samples:
        if sample.variant == REPEATED:
            processes.setdefault((sample.clip, sample.run), []).append(sample)
    whole = [samples for samples in processes.values() if samples[0].first_in_process and len(samples) > 1]
    if not whole:
        return None
    ratios = [
        1 - _median(s.invoke_ms for s in each[1:]) / each[0].invoke_ms for each in whole if each[0].invoke_ms
    ]
    interval = median_interval(ratios)
    clips = tuple(
        _clip(record, clip, [s for s in whole if s[0].clip == clip]) for clip in {s[0].clip: 0 for s in whole}
    )
    return Warmth(
        invokes=len(whole[0]),
        processes=len(whole),
        first_ms=_median(each[0].invoke_ms for each in whole),
        warm_ms=_median(s.invoke_ms for each in whole for s in each[1:]),
        saved=_median(ratios) if ratios else 0.0,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        start_load_ms=_known(each.start_load_ms for each in clips),
        clip_io_ms=_known(each.clip_io_ms for each in clips),
        clips=clips,
    )


def _clip(record: RunRecord, clip: str, processes: Sequence[Sequence[Sample]]) -> ClipWarmth:
    alone = _known(s.start_load_io_ms for s in record.counted if s.clip == clip)
    several = _known(each[0].start_load_io_ms for each in processes)
    own = None if alone is None or several is None else (several - alone) / (len(processes[0]) - 1)
    return ClipWarmth(
        clip=clip,
        first_ms=_median(each[0].invoke_ms for each in processes),
        warm_ms=_median(s.invoke_ms for each in processes for s in each[1:]),
        start_load_ms=None if alone is None or own is None else alone - own,
        clip_io_ms=own,
    )


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def _known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _median(known) if known else None

"""Two runs side by side: each clip's median and answer, and what else was not the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deployer.errors import CheckFailed
from deployer.history.circumstances import Changed, changed
from deployer.measuring import gate
from deployer.measuring.gate import Comparison
from deployer.records import RunRecord
from deployer.statistics import ClipSummary, Summary, summarise

_LIMIT = 0.05  # of a verdict, which is not shown here: `deploy bench --baseline` gives one


@dataclass(frozen=True, kw_only=True)
class ClipDifference:
    """One clip in both runs; class ids are the most frequent answers. `other`: another answer without a class."""

    clip: str
    a_median_ms: float
    b_median_ms: float
    a_class_id: int | None
    b_class_id: int | None
    target: int | None
    other: bool = False

    @property
    def change(self) -> float | None:
        """Share by which b's median is above a's (0.05: 5 % slower); None where a's is zero."""
        return self.b_median_ms / self.a_median_ms - 1 if self.a_median_ms else None

    @property
    def flipped(self) -> bool:
        """Whether the answer changed."""
        return self.other or self.a_class_id != self.b_class_id


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Run b against run a. `compared` is the effect over all clips with its interval; else `unsure` says why."""

    a: RunRecord
    b: RunRecord
    a_summary: Summary | None
    b_summary: Summary | None
    clips: tuple[ClipDifference, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    changed: tuple[Changed, ...]
    compared: Comparison | None
    unsure: str | None

    @property
    def flips(self) -> tuple[ClipDifference, ...]:
        """The clips whose answer changed."""
        return tuple(clip for clip in self.clips if clip.flipped)


def diff(a: RunRecord, b: RunRecord) -> Difference:
    """Medians are of the invoke time, in milliseconds. A run without samples has no clips."""
    first, second = summarise(a), summarise(b)
    compared, unsure = _compared(a, b)
    of_a, of_b = _by_clip(first), _by_clip(second)
    return Difference(
        a=a,
        b=b,
        a_summary=first,
        b_summary=second,
        clips=tuple(_clip(of_a[name], of_b[name]) for name in of_a if name in of_b),
        only_in_a=tuple(name for name in of_a if name not in of_b),
        only_in_b=tuple(name for name in of_b if name not in of_a),
        changed=changed(a, b),
        compared=compared,
        unsure=unsure,
    )


def as_data(found: Difference) -> dict[str, Any]:
    """For `--json`."""
    return {
        "a": found.a.id,
        "b": found.b.id,
        "a_median_ms": found.a_summary.invoke.median_ms if found.a_summary else None,
        "b_median_ms": found.b_summary.invoke.median_ms if found.b_summary else None,
        "a_accuracy": found.a_summary.accuracy if found.a_summary else None,
        "b_accuracy": found.b_summary.accuracy if found.b_summary else None,
        "effect": _effect(found.compared),
        "unsure": found.unsure,
        "clips": [{**asdict(clip), "change": clip.change, "flipped": clip.flipped} for clip in found.clips],
        "only_in_a": found.only_in_a,
        "only_in_b": found.only_in_b,
        "changed": [asdict(item) for item in found.changed],
    }


def _compared(a: RunRecord, b: RunRecord) -> tuple[Comparison | None, str | None]:
    try:
        return gate.against_baseline(a, b, limit=_LIMIT), None
    except CheckFailed as e:
        return None, str(e)


def _effect(found: Comparison | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {"change": found.effect, "low": found.low, "high": found.high, "level": found.level}


def _by_clip(summary: Summary | None) -> dict[str, ClipSummary]:
    return {clip.clip: clip for clip in summary.clips} if summary is not None else {}


def _clip(a: ClipSummary, b: ClipSummary) -> ClipDifference:
    return ClipDifference(
        clip=a.clip,
        a_median_ms=a.invoke.median_ms,
        b_median_ms=b.invoke.median_ms,
        a_class_id=next(iter(a.class_ids), None),
        b_class_id=next(iter(b.class_ids), None),
        other=[answer.key for answer in a.answers[:1]] != [answer.key for answer in b.answers[:1]],
        target=a.target if a.target is not None else b.target,
    )

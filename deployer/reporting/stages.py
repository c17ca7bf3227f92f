"""A stage comparison as `deploy compare-sim --json` wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from board_runner.errors import UsageError
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage, and what ran it."""

    stage: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """A decision with its margin over the second class."""

    class_id: int
    label: str = ""
    margin: float | None = None

    @property
    def text(self) -> str:
        """`32 keyboard_typing`."""
        return f"{self.class_id} {self.label}".strip()


@dataclass(frozen=True, kw_only=True)
class FlippedClip:
    """A clip that two stages decide differently."""

    clip: str
    reference: Said
    candidate: Said
    target: int | None = None
    target_label: str | None = None


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """One stage against another; figures are None where undefined, and the SQNR where both are equal."""

    reference: str
    candidate: str
    cosine_min: float | None
    rmse_max: float | None
    sqnr_db: float | None
    equal: bool
    top1_agreement: float
    worst_clip: str
    passed: bool
    failures: tuple[str, ...]
    flips: tuple[FlippedClip, ...]


@dataclass(frozen=True, kw_only=True)
class Share:
    """A stage's accuracy with its 95 % interval."""

    stage: str
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """On how many of `clips` clips stages i and j decide alike."""

    stages: tuple[str, ...]
    clips: int
    counts: tuple[tuple[int, ...], ...]
    accuracy: tuple[Share, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stages:
    """What `compare-sim` found."""

    stages: tuple[Stage, ...]
    comparisons: tuple[StageRow, ...]
    agreement: Agreed | None = None
    left_out: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every limit held."""
        return all(row.passed for row in self.comparisons)


def parse(fields: Mapping[str, Any], place: str) -> Stages:
    """From the JSON object; raises UsageError naming `place` and the field that is wrong."""
    try:
        return intake.record(Stages, fields)
    except Fault as e:
        raise UsageError(
            f"{place}: no comparison of stages: {e}",
            hint="`deploy compare-sim float fixed --json > stages.json` writes one",
        ) from e

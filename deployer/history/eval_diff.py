"""Two evaluations side by side: each stage's metric, and the classes that one of them tells better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deployer.evaluation.record import EvalRecord, StageRecord
from deployer.history.circumstances import Changed, changed


@dataclass(frozen=True, kw_only=True)
class StageDifference:
    """A stage that both have, with the model's metric."""

    stage: str
    metric: str
    a: float
    b: float
    higher_is_better: bool

    @property
    def worse(self) -> bool:
        """Whether b's value is worse than a's, by however little."""
        return self.b < self.a if self.higher_is_better else self.b > self.a


@dataclass(frozen=True, kw_only=True)
class ClassDifference:
    """A class whose recall is not the same; None where a data set has no clip of it."""

    stage: str
    class_id: int
    label: str
    a_recall: float | None
    b_recall: float | None


@dataclass(frozen=True, kw_only=True)
class EvalDifference:
    """Evaluation b against evaluation a. `classes` is of stages that tell classes, the largest change first."""

    a: EvalRecord
    b: EvalRecord
    stages: tuple[StageDifference, ...]
    classes: tuple[ClassDifference, ...]
    changed: tuple[Changed, ...]


def diff(a: EvalRecord, b: EvalRecord) -> EvalDifference:
    """Stages are matched by name; two that measure different things are left out."""
    theirs = {stage.stage: stage for stage in b.stages}
    pairs = [
        (stage, theirs[stage.stage])
        for stage in a.stages
        if stage.stage in theirs and stage.measured.metric == theirs[stage.stage].measured.metric
    ]
    classes = [found for ours, other in pairs for found in _classes(ours, other)]
    return EvalDifference(
        a=a,
        b=b,
        stages=tuple(_stage(ours, other) for ours, other in pairs),
        classes=tuple(sorted(classes, key=_size, reverse=True)),
        changed=changed(a, b),
    )


def as_data(found: EvalDifference) -> dict[str, Any]:
    """For `--json`."""
    return {
        "a": found.a.id,
        "b": found.b.id,
        "stages": [{**asdict(stage), "worse": stage.worse} for stage in found.stages],
        "classes": [asdict(item) for item in found.classes],
        "changed": [asdict(item) for item in found.changed],
    }


def _stage(a: StageRecord, b: StageRecord) -> StageDifference:
    return StageDifference(
        stage=a.stage,
        metric=a.measured.metric,
        a=a.measured.value,
        b=b.measured.value,
        higher_is_better=a.measured.higher_is_better,
    )


def _classes(a: StageRecord, b: StageRecord) -> list[ClassDifference]:
    if a.measured.classes is None or b.measured.classes is None:
        return []
    ours = {row.class_id: row for row in a.measured.classes.classes}
    theirs = {row.class_id: row for row in b.measured.classes.classes}
    found = []
    for class_id in dict.fromkeys((*ours, *theirs)):
        x, y = ours.get(class_id), theirs.get(class_id)
        before, now = (row.recall if row is not None else None for row in (x, y))
        named = x or y
        if before != now and named is not None:
            found.append(
                ClassDifference(
                    stage=a.stage, class_id=class_id, label=named.label, a_recall=before, b_recall=now
                )
            )
    return found


def _size(item: ClassDifference) -> float:
    if item.a_recall is None or item.b_recall is None:
        return 0.0
    return abs(item.b_recall - item.a_recall)

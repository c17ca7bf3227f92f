"""The record of an evaluation: what was measured, on what, and all that is needed to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from board_runner.errors import UsageError
from deployer.evaluation.kinds import Measured
from deployer.evaluation.versus import Versus
from deployer.records import BoardInfo
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault

KIND = "eval"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A clip that `stage` gave no answer for, and that no stage's figures have therefore."""

    clip: str
    stage: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DataSetInfo:
    """The data set. `distinct` counts clips of different content; `sha256` is of every clip's hash and truth.

    `clips` counts those `without` an answer too, of which `left_out` are the first 1000.
    """

    path: str
    layout: str
    folds: tuple[str, ...]
    clips: int
    distinct: int
    sha256: str
    without: int = 0
    left_out: tuple[LeftOut, ...] = ()
    name: str = ""  # what people call it; a record of before has none


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One stage. `key` is the hash of all that decides its answers but the clips; `notes` say what it lacks."""

    stage: str
    detail: str
    model_sha256: str
    key: str
    measured: Measured
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EvalRecord:
    """One evaluation. `versus` holds each stage against the one before, and the last against the first.

    `sha256` names the data set and each stage's model. `created` is the host's clock.
    """

    id: str
    created: str
    model: str
    board: BoardInfo | None
    labels: tuple[str, ...]
    sha256: Mapping[str, str]
    settings: Mapping[str, Any]
    dataset: DataSetInfo
    stages: tuple[StageRecord, ...]
    versus: tuple[Versus, ...]
    tool_version: str = ""
    kind: str = KIND
    version: int = VERSION


def of_fields(fields: Any, *, place: str) -> EvalRecord:
    """A record from its JSON, as the history has it; raises UsageError, which names `place`."""
    try:
        record = intake.record(EvalRecord, fields)
    except Fault as e:
        raise UsageError(f"{place}: no record of an evaluation: {e}") from e
    if record.kind != KIND or record.version != VERSION:
        raise UsageError(
            f"{place}: a record of kind {record.kind!r}, version {record.version}; "
            f"this deploy reads {KIND!r}, version {VERSION}"
        )
    return record

"""The record of an evaluation: what was measured, on what, and all that is needed to do it again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from board_runner.errors import UsageError
from deployer.evaluation.kinds import Measured
from deployer.evaluation.versus import Versus
from deployer.records import BoardInfo

KIND = "eval"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class DataSetInfo:
    """The data set. `distinct` counts clips of different content; `sha256` is of every clip's hash and truth."""

    path: str
    layout: str
    folds: tuple[str, ...]
    clips: int
    distinct: int
    sha256: str


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

    def save(self, directory: Path) -> Path:
        """Write `<id>.json`, whole or not at all; gives its path."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.id}.json"
        part = path.with_suffix(f".part-{os.getpid()}")
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
        return path


_ADAPTER = TypeAdapter(EvalRecord)


def load(path: Path) -> EvalRecord:
    """Read a record; raises UsageError when it is none, or of a later version."""
    try:
        record = _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError) as e:
        raise UsageError(f"{path}: no record of an evaluation ({e})") from e
    if record.kind != KIND or record.version != VERSION:
        raise UsageError(
            f"{path}: a record of kind {record.kind!r}, version {record.version}; "
            f"this deploy reads {KIND!r}, version {VERSION}"
        )
    return record

"""What differs between two records beside their figures, and may be the cause of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deployer.evaluation.record import EvalRecord
from deployer.records import BoardInfo, RunRecord

_PLAIN = ("model", "tool_version", "labels")
_ALWAYS_OTHER = ("temperature_c",)  # never the same twice, and no difference of what was run


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Something recorded that differs: `settings.runs`, `sha256.models/eat.img`, `board.kernel`."""

    what: str
    a: Any
    b: Any


def changed(a: RunRecord | EvalRecord, b: RunRecord | EvalRecord) -> tuple[Changed, ...]:
    """Model, version, labels, board, hashes and settings; None where one of the two has nothing."""
    pairs = {name: (getattr(a, name), getattr(b, name)) for name in _PLAIN}
    for name, ours, theirs in (
        ("board", _board(a.board), _board(b.board)),
        ("sha256", a.sha256, b.sha256),
        ("settings", a.settings, b.settings),
    ):
        for key in dict.fromkeys((*ours, *theirs)):
            pairs[f"{name}.{key}"] = (ours.get(key), theirs.get(key))
    return tuple(
        Changed(what=what, a=x, b=y)
        for what, (x, y) in pairs.items()
        if x != y and what.rpartition(".")[2] not in _ALWAYS_OTHER
    )


def _board(board: BoardInfo | None) -> Mapping[str, Any]:
    return asdict(board) if board is not None else {}

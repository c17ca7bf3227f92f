"""Batch normalisation of an ONNX file: folded, proven, written only once that holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx

from board_runner.errors import ModelError
from deployer import whole_file
from deployer.folding import proof
from deployer.folding.graph import fold_graph, norms
from deployer.folding.records import SUFFIX
from deployer.folding.report import FoldReport

PAIRS = 60


def fold_onnx(path: Path, out: Path | None = None, *, pairs: int = PAIRS) -> FoldReport:
    """Fold an ONNX file into `out`, or `<name>_bnfused.onnx` beside it; `pairs` of 0 leaves the timing out.

    Nothing is written where nothing could be folded or the folded graph is not equal. Raises ModelError for a
    file that is no ONNX model, was folded before, or has no batch normalisation.
    """
    model = read(path)
    if not norms(model):
        raise ModelError(
            f"{path}: has no batch normalisation to fold",
            hint="exporters fold by themselves in evaluation mode; for PyTorch, training=PRESERVE keeps it",
        )
    try:
        folded = fold_graph(model)
    except ModelError as e:
        raise ModelError(f"{path}: {e}", hint=e.hint) from e
    if not folded.folds:
        return FoldReport(source=path, written=None, folds=(), left=folded.left)
    rows, refusals = proof.differences(model, folded.model)
    equal = all(row.passed for row in rows)
    written = (out or path.with_name(f"{path.stem}{SUFFIX}.onnx")) if equal else None
    if written is not None:
        write(folded.model, written)
    return FoldReport(
        source=path,
        written=written,
        folds=folded.folds,
        left=folded.left,
        differences=tuple(rows),
        timings=timings_of(model, folded.model, pairs, rows) if equal and pairs else (),
        not_run=refusals,
    )


def timings_of(
    before: onnx.ModelProto, after: onnx.ModelProto, pairs: int, rows: Sequence[proof.Difference]
) -> tuple[proof.Timing, ...]:
    """Timings of both graphs in the engines that took part in the proof."""
    return tuple(proof.timings(before, after, pairs, {row.engine for row in rows}))


def read(path: Path) -> onnx.ModelProto:
    """An ONNX file; raises ModelError."""
    try:
        model = onnx.load_model(str(path))
    except FileNotFoundError as e:
        raise ModelError(f"{path}: no such model file") from e
    except Exception as e:  # protobuf raises its own, differing between its two backends
        raise ModelError(f"{path}: not an ONNX model ({e})") from e
    if not model.graph.node:
        raise ModelError(f"{path}: holds no graph: empty, or not an ONNX model")
    return model


def write(model: onnx.ModelProto, path: Path) -> None:
    """Put the model at `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write(path, model.SerializeToString(deterministic=True))

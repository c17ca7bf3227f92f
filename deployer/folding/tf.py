"""`deploy fold` of a TensorFlow checkpoint, of format V1 or V2; TensorFlow is an extra, imported on use."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError, UsageError
from deployer.folding.arithmetic import Layout
from deployer.folding.checkpoint import bias_name, fold_state
from deployer.folding.proof import SEED, Difference, largest_difference, limit_of
from deployer.folding.records import SUFFIX, Fold, Left
from deployer.folding.report import FoldReport
from deployer.folding.tf_graph import TensorflowGraph

MADE = (".index", ".meta", ".pb")


def fold_tensorflow(path: Path, out: Path | None = None, *, graph: Path | None = None) -> FoldReport:
    """Fold a checkpoint by the graph in its .meta file, or in `graph`, a .meta or a GraphDef (.pb).

    Written, in format V2, as `<ckpt>_bnfused` or `out`, without the variables of what was folded: a graph that
    still has its normalisations cannot load it and so apply them twice. Each layer is run before and after.
    Raises UsageError without TensorFlow, ModelError for what cannot be read or was folded before.
    """
    prefix = path.with_suffix("") if path.suffix in MADE else path
    if prefix.name.endswith(SUFFIX):
        raise ModelError(f"{prefix}: was folded before", hint="fold the checkpoint as it was trained")
    state = read_variables(prefix)
    nodes = _nodes(graph or prefix.with_name(f"{prefix.name}.meta"))
    folds, left = TensorflowGraph(nodes).find(state)
    folds, shared = _without_shared(folds)
    try:
        made = fold_state(state, folds)
    except ModelError as e:
        raise ModelError(f"{prefix}: {e}", hint=e.hint) from e
    rows = tuple(_difference(fold, state, made) for fold in folds)
    written = None
    if folds and all(row.passed for row in rows):
        written = out or prefix.with_name(f"{prefix.name}{SUFFIX}")
        write_variables(_without_slots(state, made), written)
    return FoldReport(
        source=prefix, written=written, folds=tuple(folds), left=(*left, *shared), differences=rows
    )


def read_variables(prefix: Path) -> dict[str, Array]:
    """Name -> value of every variable in a checkpoint; raises UsageError without TensorFlow, ModelError."""
    if importlib.util.find_spec("tensorflow") is None:
        raise UsageError(
            "TensorFlow checkpoints need TensorFlow", hint="pip install 'sgs-deploy[tensorflow]'"
        )
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        return {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
    except Exception as e:  # TensorFlow's errors share no base class that it promises
        raise ModelError(f"{prefix}: no checkpoint that TensorFlow reads: {str(e).splitlines()[0]}") from e


def _nodes(path: Path) -> Any:
    """The nodes of a MetaGraphDef (.meta) or of a GraphDef."""
    import tensorflow as tf

    try:
        content = path.read_bytes()
    except OSError as e:
        raise ModelError(
            f"no graph {path}: {e.strerror}",
            hint="a checkpoint alone does not say what follows what: give --graph NET.meta or NET.pb",
        ) from e
    try:
        if path.suffix == ".meta":
            return tf.compat.v1.MetaGraphDef.FromString(content).graph_def.node
        return tf.compat.v1.GraphDef.FromString(content).node
    except Exception as e:  # protobuf raises its own, differing between its two backends
        raise ModelError(f"{path}: no graph of TensorFlow: {e}") from e


def _without_shared(folds: list[Fold]) -> tuple[list[Fold], list[Left]]:
    """One variable that several layers read cannot take in more than one normalisation."""
    names = [fold.weight for fold in folds]
    kept = [fold for fold in folds if names.count(fold.weight) == 1]
    return kept, [
        Left(norm=fold.norm, reason=f"its layer shares {fold.weight} with another")
        for fold in folds
        if names.count(fold.weight) > 1
    ]


def _without_slots(before: Mapping[str, Array], made: Mapping[str, Array]) -> dict[str, Array]:
    """What an optimiser kept for variables that are gone goes as well."""
    gone = tuple(f"{name}/" for name in before if name not in made)
    return {name: value for name, value in made.items() if not gone or not name.startswith(gone)}


def _difference(fold: Fold, before: Mapping[str, Array], after: Mapping[str, Array]) -> Difference:
    """The layer and its normalisation beside the folded layer, in TensorFlow, on noise."""
    import tensorflow as tf

    noise = np.random.default_rng(SEED)
    x = _input(fold, before[fold.weight], noise)
    name = fold.bias or bias_name(fold.weight, before)
    bias = before[fold.bias] if fold.bias else np.float32(0)
    first = tf.nn.batch_normalization(
        _layer(fold, x, before[fold.weight]) + bias,
        before[fold.mean],
        before[fold.variance],
        before[fold.shift] if fold.shift else None,
        before[fold.scale] if fold.scale else None,
        fold.epsilon,
    ).numpy()
    second = (_layer(fold, x, after[fold.weight]) + after[name]).numpy()
    return Difference(
        engine=f"TensorFlow, {fold.layer}",
        signal="noise",
        max_abs=largest_difference(first, second),
        limit=limit_of(float(np.abs(first).max())),
    )


def _input(fold: Fold, weight: Array, noise: np.random.Generator) -> Array:
    if fold.op_type == "MatMul":
        shape: tuple[int, ...] = (4, weight.shape[1 if fold.layout is Layout.OUT_FIRST else 0])
    else:
        inside = weight.shape[3] if fold.layout is Layout.LAST_TRANSPOSED else weight.shape[2]
        shape = (2, weight.shape[0] + 7, weight.shape[1] + 7, inside)
    return np.asarray(noise.standard_normal(shape), np.float32)


def _layer(fold: Fold, x: Array, weight: Array) -> Any:
    import tensorflow as tf

    if fold.op_type == "MatMul":
        return tf.matmul(x, weight, transpose_b=fold.layout is Layout.OUT_FIRST)
    if fold.op_type == "DepthwiseConv2dNative":
        return tf.nn.depthwise_conv2d(x, weight, [1, 1, 1, 1], "SAME")
    if fold.op_type == "Conv2DBackpropInput":
        return tf.nn.conv2d_transpose(x, weight, (*x.shape[:3], weight.shape[2]), 1, "SAME")
    return tf.nn.conv2d(x, weight, 1, "SAME")


def write_variables(state: Mapping[str, Array], prefix: Path) -> None:
    """Put a checkpoint of format V2 at `prefix`."""
    import tensorflow as tf

    prefix.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(state)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(state[name]) for name in names],
    )

"""Batch normalisation folded in the weights of a checkpoint, by what a graph of the same network says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from board_runner.contract import Array
from board_runner.errors import ModelError
from deployer.folding.arithmetic import Norm, fold_after, fold_before
from deployer.folding.records import Fold

COUNTER = "num_batches_tracked"
"""PyTorch counts the batches that a normalisation has seen; the name stands beside its statistics."""


def fold_state(state: Mapping[str, Array], folds: Iterable[Fold]) -> dict[str, Array]:
    """Name -> array with every fold applied: weights and biases changed or added, normalisations gone.

    A layer without bias gets one, under `bias_name`. Raises ModelError where `state` lacks a tensor that a fold
    names: it was folded before, or is of another network.
    """
    folded = dict(state)
    added: dict[str, str] = {}
    for fold in folds:
        weight = _tensor(folded, fold.weight)
        norm = Norm(
            scale=_tensor(folded, fold.scale) if fold.scale else np.ones_like(_tensor(folded, fold.mean)),
            shift=_tensor(folded, fold.shift) if fold.shift else np.zeros_like(_tensor(folded, fold.mean)),
            mean=_tensor(folded, fold.mean),
            variance=_tensor(folded, fold.variance),
            epsilon=fold.epsilon,
        )
        # A second normalisation of one layer finds the bias that the first one gave it.
        name = added.get(fold.weight) or (fold.bias if fold.bias in folded else "")
        if fold.bias and not name:
            raise _lacking(fold.bias)
        apply = fold_before if fold.before else fold_after
        bias = folded[name] if name else None
        folded[fold.weight], moved = apply(weight, bias, norm, fold.layout, fold.groups)
        target = name or bias_name(fold.weight, folded)
        folded[target] = moved.astype(bias.dtype if bias is not None else weight.dtype)
        added[fold.weight] = target
        for gone in (fold.scale, fold.shift, fold.mean, fold.variance):
            folded.pop(gone, None)
        folded.pop(f"{fold.mean.rpartition('.')[0]}.{COUNTER}", None)
    return folded


def bias_name(weight: str, taken: Mapping[str, Array]) -> str:
    """What the new bias of a layer is called: `conv.weight` has `conv.bias`, `conv/weights` `conv/biases`."""
    for end, other in (("weights", "biases"), ("weight", "bias"), ("kernel", "bias")):
        if weight.endswith(end) and weight.removesuffix(end) + other not in taken:
            return weight.removesuffix(end) + other
    return f"{weight}_bnfused_bias"


def with_state(model: onnx.ModelProto, state: Mapping[str, Array]) -> onnx.ModelProto:
    """A copy of the graph with the weights of `state` wherever it has a constant of that name.

    An exporter stores weights that are equal once, and names the others by an Identity: these become weights of
    their own again. Raises ModelError where a shape differs.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for i in reversed(range(len(copy.graph.node))):
        node = copy.graph.node[i]
        if node.op_type == "Identity" and node.output[0] in state:
            value = state[node.output[0]]
            copy.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
            del copy.graph.node[i]
    for tensor in copy.graph.initializer:
        if tensor.name not in state:
            continue
        value, old = state[tensor.name], numpy_helper.to_array(tensor)
        if value.shape != old.shape:
            raise ModelError(
                f"{tensor.name} is {list(value.shape)} in the checkpoint, {list(old.shape)} in the graph",
                hint="the graph must be of the same network as the checkpoint",
            )
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(value, old.dtype), tensor.name))
    return copy


def _tensor(state: Mapping[str, Array], name: str) -> Array:
    if name not in state:
        raise _lacking(name)
    return state[name]


def _lacking(name: str) -> ModelError:
    return ModelError(
        f"has no {name}: folded before, or of another network than the graph",
        hint="fold the checkpoint as it was trained, by a graph with the same names",
    )

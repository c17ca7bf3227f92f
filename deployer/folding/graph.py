"""Fold the batch normalisations of an ONNX graph into the layers beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import onnx

from board_runner.errors import ModelError
from deployer.folding.arithmetic import Norm, fold_after, fold_before
from deployer.folding.layers import Layer, Unfit, layer_after, layer_before
from deployer.folding.onnx_view import GraphView
from deployer.folding.records import MARK, Fold, Left

NORM = "BatchNormalization"


@dataclass(frozen=True, kw_only=True)
class FoldedGraph:
    """A new model, what was folded in it, and what stays."""

    model: onnx.ModelProto
    folds: tuple[Fold, ...]
    left: tuple[Left, ...]


def fold_graph(model: onnx.ModelProto) -> FoldedGraph:
    """Fold every batch normalisation that can be; `model` itself stays as it is.

    One after Conv, ConvTranspose, Gemm or MatMul goes into that layer; else one before Conv, Gemm or MatMul goes
    into this, where that is exact. Raises ModelError for a model that was folded before.
    """
    done = [entry.value for entry in model.metadata_props if entry.key == MARK]
    if done:
        raise ModelError(
            f"was folded before: {', '.join(json.loads(done[0]))}", hint="fold the model as it was exported"
        )
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    view = GraphView(copy)
    folds: list[Fold] = []
    left = list(_in_subgraphs(copy.graph))
    stays: set[str] = set()
    while (index := _next(view, stays)) is not None:
        try:
            folds.append(_fold(view, index))
        except ModelError as e:
            stays.add(view.graph.node[index].output[0])
            left.append(Left(norm=view.told(index), reason=str(e)))
        view.refresh()
    if folds:
        view.drop_unread()
        copy.metadata_props.add(key=MARK, value=json.dumps([fold.norm for fold in folds]))
    return FoldedGraph(model=copy, folds=tuple(folds), left=tuple(left))


def norms(model: onnx.ModelProto) -> int:
    """How many batch normalisations a model has, sub-graphs included."""
    at_top = [node for node in model.graph.node if node.op_type == NORM]
    return len(at_top) + len(list(_in_subgraphs(model.graph)))


def _next(view: GraphView, stays: set[str]) -> int | None:
    for i, node in enumerate(view.graph.node):
        if node.op_type == NORM and not node.domain and node.output[0] not in stays:
            return i
    return None


def _fold(view: GraphView, index: int) -> Fold:
    norm, names = _norm(view, index)
    try:
        layer = layer_before(view, index)
    except Unfit as before:
        try:
            layer = layer_after(view, index, any(norm.affine()[1]))
        except Unfit as after:
            raise ModelError(f"{before}; {after}" if str(after) else str(before)) from after
    fold = fold_before if layer.follows else fold_after
    weight, bias = fold(layer.weight, layer.bias, norm, layer.layout, layer.groups)
    record = Fold(
        norm=view.told(index),
        layer=view.told(layer.index),
        op_type=view.graph.node[layer.index].op_type,
        weight=view.source_name(layer.weight_name),
        bias=view.source_name(layer.bias_name),
        scale=names[0],
        shift=names[1],
        mean=names[2],
        variance=names[3],
        epsilon=norm.epsilon,
        layout=layer.layout,
        groups=layer.groups,
        before=layer.follows,
    )
    _bypass(view, index, layer)
    # The layer after a normalisation has moved up by the node that is gone.
    (replace(layer, index=layer.index - 1) if layer.follows else layer).store(view, weight, bias)
    return record


def _norm(view: GraphView, index: int) -> tuple[Norm, list[str]]:
    node = view.graph.node[index]
    if view.attribute(index, "training_mode", 0) or any(node.output[1:]):
        raise ModelError("it is in training mode: its statistics are those of each batch")
    if not view.attribute(index, "spatial", 1):
        raise ModelError("it has statistics for every position, not only for every channel")
    values = [view.constant(name) for name in node.input[1:5]]
    known = [value for value in values if value is not None]
    if len(known) != 4:
        raise ModelError("its constants are computed at run time")
    norm = Norm(
        scale=known[0],
        shift=known[1],
        mean=known[2],
        variance=known[3],
        epsilon=float(view.attribute(index, "epsilon", 1e-5)),
    )
    return norm, [view.source_name(name) for name in node.input[1:5]]


def _bypass(view: GraphView, index: int, layer: Layer) -> None:
    """Take the normalisation out of the chain; the names of the graph's outputs stay."""
    node = view.graph.node[index]
    inside, outside = node.input[0], node.output[0]
    if layer.follows:
        for reader in view.readers[outside]:
            entries = view.graph.node[reader].input
            entries[:] = [inside if name == outside else name for name in entries]
    else:
        last = view.graph.node[view.giver[inside]]
        last.output[:] = [outside if name == inside else name for name in last.output]
    del view.graph.node[index]
    view.refresh()


def _in_subgraphs(graph: onnx.GraphProto) -> Iterator[Left]:
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                for found in inner.node:
                    if found.op_type == NORM:
                        name = found.name or found.output[0]
                        yield Left(norm=name, reason=f"it lies in a sub-graph of {node.op_type}")
                yield from _in_subgraphs(inner)

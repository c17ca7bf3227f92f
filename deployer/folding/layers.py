"""The layer that can take a batch normalisation in: found in an ONNX graph, or refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from board_runner.contract import Array
from board_runner.errors import ModelError
from deployer.folding.arithmetic import Layout, out_channels
from deployer.folding.onnx_view import GraphView

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


class Unfit(ModelError):
    """No layer on this side of a normalisation can take it in."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer with constant weights. `adder` is the Add after it that holds its bias, if any."""

    index: int
    weight: Array
    weight_name: str
    bias: Array | None
    bias_name: str
    layout: Layout
    groups: int
    adder: int | None
    follows: bool

    def store(self, view: GraphView, weight: Array, bias: Array) -> None:
        """Put the folded constants into the graph; a MatMul without bias gets an Add."""
        node = view.graph.node[self.index]
        node.input[1] = view.store(view.source_name(self.weight_name), weight, self.index)
        if self.adder is not None:
            adder = view.graph.node[self.adder]
            shaped = bias.reshape(-1, *[1] * (weight.ndim - 2)) if node.op_type.startswith("Conv") else bias
            where = list(adder.input).index(self.bias_name)
            adder.input[where] = view.store(view.source_name(self.bias_name), shaped, self.adder)
        elif node.op_type == "MatMul":
            self._append_add(view, bias)
        else:
            name = view.store(view.source_name(self.bias_name), bias, self.index)
            del node.input[2:]
            node.input.append(name)
            _unset(node, "beta")

    def _append_add(self, view: GraphView, bias: Array) -> None:
        node = view.graph.node[self.index]
        product = view.free_name(f"{node.output[0]}_product")
        name = view.store("", bias, self.index)
        add = helper.make_node("Add", [product, name], [node.output[0]], name=f"{view.told(self.index)}_bias")
        node.output[0] = product
        following = list(view.graph.node[self.index + 1 :])
        del view.graph.node[self.index + 1 :]
        view.graph.node.extend([add, *following])


def layer_before(view: GraphView, norm: int) -> Layer:
    """The layer whose output normalisation `norm` alone reads; raises Unfit with the reason."""
    value = view.graph.node[norm].input[0]
    adder = None
    index = _sole_giver(view, value)
    if view.graph.node[index].op_type == "Add" and _added_constant(view, index):
        adder = index
        index = _sole_giver(view, next(n for n in view.graph.node[index].input if view.constant(n) is None))
    if view.graph.node[index].op_type not in LAYERS or view.graph.node[index].domain not in ("", "ai.onnx"):
        raise Unfit(f"it comes after {view.graph.node[adder or index].op_type}, which is no layer")
    return _layer(view, index, adder, follows=False)


def layer_after(view: GraphView, norm: int, moves: bool) -> Layer:
    """The layer that alone reads `norm`'s output; `moves` says whether the normalisation moves a zero.

    Raises Unfit with the reason, or without words where no layer follows.
    """
    value = view.graph.node[norm].output[0]
    readers = view.readers.get(value, [])
    kinds = {view.graph.node[i].op_type for i in readers}
    if not kinds & {*LAYERS}:
        raise Unfit("")
    if len(readers) > 1 or value in view.results:
        raise Unfit("its output is also read elsewhere than by the layer after it")
    [index] = readers
    node = view.graph.node[index]
    told = f"{node.op_type} {view.told(index)} after it"
    if node.input[0] != value:
        raise Unfit(f"{told} reads it as weights")
    if node.op_type == "ConvTranspose":
        raise Unfit(f"{told} adds up a different number of taps at its ends")
    if node.op_type == "Gemm" and view.attribute(index, "transA", 0):
        raise Unfit(f"{told} transposes it")
    layer = _layer(view, index, None, follows=True)
    if node.op_type == "Conv" and moves and _pads(view, index, layer.weight.shape[2:]):
        raise Unfit(f"{told} pads with zeros, which the normalisation would have moved")
    return layer


def _sole_giver(view: GraphView, value: str) -> int:
    if value not in view.giver:
        raise Unfit("it stands at the input")
    index = view.giver[value]
    told = f"the output of {view.graph.node[index].op_type} {view.told(index)} before it"
    if value in view.results:
        raise Unfit(f"{told} is an output of the graph too")
    others = len(view.readers[value]) - 1
    if others:
        raise Unfit(f"{told} is shared: {others} other {'node reads' if others == 1 else 'nodes read'} it")
    return index


def _added_constant(view: GraphView, index: int) -> bool:
    return sum(view.constant(name) is not None for name in view.graph.node[index].input) == 1


def _layer(view: GraphView, index: int, adder: int | None, *, follows: bool) -> Layer:
    node = view.graph.node[index]
    told = f"{node.op_type} {view.told(index)}"
    weight_name = node.input[1]
    weight = view.constant(weight_name)
    if weight is None:
        raise Unfit(f"the weights of {told} are computed at run time")
    bias_name = node.input[2] if len(node.input) > 2 else ""
    bias = view.constant(bias_name) if bias_name else None
    if bias_name and bias is None:
        raise Unfit(f"the bias of {told} is computed at run time")
    if node.op_type in ("Gemm", "MatMul"):
        layout = Layout.OUT_FIRST if view.attribute(index, "transB", 0) else Layout.IN_FIRST
        if weight.ndim != 2 or (node.op_type == "MatMul" and _rank(view, node.output[0]) != 2):
            raise Unfit(f"the channels of the normalisation are not known to be the columns of {told}")
        if view.attribute(index, "alpha", 1.0) != 1.0:
            raise Unfit(f"{told} has an alpha of its own")
        if bias is not None:
            bias = bias * np.asarray(view.attribute(index, "beta", 1.0), bias.dtype)
        groups = 1
    else:
        layout = Layout.OUT_FIRST if node.op_type == "Conv" else Layout.IN_FIRST
        groups = int(view.attribute(index, "group", 1))
    if adder is not None:
        if bias is not None:
            raise Unfit(f"{told} has a bias and an Add of a constant after it")
        bias_name = next(n for n in view.graph.node[adder].input if view.constant(n) is not None)
        bias = view.constant(bias_name)
    count = out_channels(weight, layout, groups)
    if bias is not None and not _per_channel(bias, count, layer_rank=weight.ndim, flat=adder is None):
        raise Unfit(f"the bias of {told} differs by position")
    return Layer(
        index=index,
        weight=weight,
        weight_name=weight_name,
        bias=bias,
        bias_name=bias_name,
        layout=layout,
        groups=groups,
        adder=adder,
        follows=follows,
    )


def _per_channel(bias: Array, count: int, *, layer_rank: int, flat: bool) -> bool:
    """Whether a bias is one value for each channel, or for all; an Add's must broadcast along axis 1."""
    if bias.ndim > layer_rank:
        return False  # it adds an axis
    if bias.size == 1:
        return True
    at = 1 if flat or layer_rank == 2 else layer_rank - 1
    return bias.size == count and bias.ndim >= at and bool(bias.shape[-at] == count)


def _pads(view: GraphView, index: int, kernel: tuple[int, ...]) -> bool:
    mode = view.attribute(index, "auto_pad", "NOTSET")
    if mode == "NOTSET":
        return any(view.attribute(index, "pads", []))
    return mode != "VALID" and any(size > 1 for size in kernel)


def _rank(view: GraphView, name: str) -> int | None:
    """How many axes a value has, by shape inference; None where that does not tell."""
    try:
        inferred = onnx.shape_inference.infer_shapes(view.model)
    except onnx.shape_inference.InferenceError:
        return None
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        if value.name == name and value.type.tensor_type.HasField("shape"):
            return len(value.type.tensor_type.shape.dim)
    return None


def _unset(node: onnx.NodeProto, name: str) -> None:
    for i, attribute in enumerate(node.attribute):
        if attribute.name == name:
            del node.attribute[i]
            return

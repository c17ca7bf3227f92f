"""Batch normalisations of a TensorFlow graph, with the variables of the layer before each; TensorFlow not needed.

Works on the messages of a GraphDef. What fits a layer to a normalisation is the graph's own edges: numbers in the
names of variables say only in which order they were made.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from board_runner.errors import ModelError
from deployer.folding.arithmetic import Layout
from deployer.folding.records import Fold, Left

FUSED = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
PASSING = ("Identity", "ReadVariableOp", "Switch", "Enter", "StopGradient", "CheckNumerics")
ADDING = ("BiasAdd", "Add", "AddV2")
LAYOUTS = {
    "Conv2D": Layout.LAST,
    "MatMul": Layout.LAST,
    "DepthwiseConv2dNative": Layout.DEPTHWISE_LAST,
    "Conv2DBackpropInput": Layout.LAST_TRANSPOSED,
}
BESIDE = ("HistogramSummary", "ScalarSummary", "Shape", "ShapeN", "Switch", "Identity")
"""Readers that change nothing about what the layer gives."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A normalisation as written in the graph: what it reads, its variables ("" for none) and its epsilon."""

    name: str
    scope: str
    source: str
    scale: str
    shift: str
    mean: str
    variance: str
    epsilon: float


class TensorflowGraph:
    """The nodes of a GraphDef by name."""

    def __init__(self, nodes: Iterable[Any]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self._readers: dict[str, list[Any]] = {}
        for node in self.nodes.values():
            for name in self.inputs(node):
                self._readers.setdefault(name, []).append(node)

    def find(self, stored: Collection[str]) -> tuple[list[Fold], list[Left]]:
        """Every fold that a checkpoint with the variables `stored` allows, and what stays.

        The same normalisation written twice, for training and for inference, counts once.
        """
        folds: dict[str, Fold] = {}
        left: dict[str, Left] = {}
        for node in self.nodes.values():
            try:
                found = self._norm(node, stored)
                if found is None:
                    continue
                fold = self._fold(found)
                folds.setdefault(fold.mean, fold)
            except ModelError as e:
                left.setdefault(node.name, Left(norm=node.name, reason=str(e)))
        return list(folds.values()), list(left.values())

    def inputs(self, node: Any) -> list[str]:
        """The nodes that a node reads, without output numbers and control edges."""
        return [name.split(":")[0] for name in node.input if not name.startswith("^")]

    def _norm(self, node: Any, stored: Collection[str]) -> _Found | None:
        if node.op in FUSED:
            source, scale, shift, mean, variance, *_ = self.inputs(node)
            epsilon = node.attr["epsilon"].f if "epsilon" in node.attr else 1e-4
            return self._named(node.name, source, (scale, shift, mean, variance), float(epsilon), stored)
        return self._written_out(node, stored) if node.op == "Rsqrt" else None

    def _written_out(self, rsqrt: Any, stored: Collection[str]) -> _Found | None:
        """x * (gamma * rsqrt(variance + epsilon)) + (beta - mean * the same), from its Rsqrt; else None."""
        added = self.nodes.get(self.inputs(rsqrt)[0])
        if added is None or added.op not in ("Add", "AddV2"):
            return None
        one, two = self.inputs(added)
        epsilon = self._constant(two)
        if epsilon is None:
            return None
        factor, scale = rsqrt, ""
        [*products] = [node for node in self._readers.get(rsqrt.name, []) if node.op == "Mul"]
        if len(products) == 1:
            [factor] = products
            scale = next((n for n in self.inputs(factor) if n != rsqrt.name), "")
            products = [node for node in self._readers.get(factor.name, []) if node.op == "Mul"]
        if len(products) != 2:
            return None
        moved = [node for node in products if self._reader(node, ("Sub", "Neg")) is not None]
        if len(moved) != 1:
            return None
        [main] = [node for node in products if node is not moved[0]]
        subtraction = self._reader(moved[0], ("Sub", "Neg"))
        shift = self.inputs(subtraction)[0] if subtraction.op == "Sub" else ""
        mean = next(n for n in self.inputs(moved[0]) if n != factor.name)
        source = next(n for n in self.inputs(main) if n != factor.name)
        output = self._reader(main, ("Add", "AddV2"))
        name = main.name if output is None else output.name
        return self._named(name, source, (scale, shift, mean, one), epsilon, stored)

    def _named(
        self, name: str, source: str, parts: tuple[str, ...], epsilon: float, stored: Collection[str]
    ) -> _Found:
        """The variables of the four constants; in a training graph the statistics stand beside the shift."""
        scale, shift, mean, variance = (self.variable(part) if part else "" for part in parts)
        known = shift or scale
        if not mean or not variance:
            scope = known.rpartition("/")[0]
            prefix = f"{scope}/" if scope else ""
            mean, variance = f"{prefix}moving_mean", f"{prefix}moving_variance"
            if not known or mean not in stored:
                raise ModelError("its statistics are no variables of the checkpoint: those of each batch?")
        if parts[0] and not scale and not self._is_ones(parts[0]):
            raise ModelError("its scale is computed at run time")
        if parts[1] and not shift:
            raise ModelError("its shift is computed at run time")
        return _Found(
            name=name,
            scope=name.rpartition("/")[0],
            source=source,
            scale=scale,
            shift=shift,
            mean=mean,
            variance=variance,
            epsilon=epsilon,
        )

    def _fold(self, found: _Found) -> Fold:
        chain: list[str] = []
        bias = ""
        node = self._through(found.source, chain)
        if node.op in ADDING:
            added = [name for name in self.inputs(node) if self.variable(name)]
            other = [name for name in self.inputs(node) if not self.variable(name)]
            if len(added) != 1 or len(other) != 1:
                raise ModelError(f"it comes after {node.op}, which is no layer")
            bias = self.variable(added[0])
            chain.append(node.name)
            node = self._through(other[0], chain)
        if node.op not in LAYOUTS:
            raise ModelError(f"it comes after {node.op}, which is no layer")
        chain.append(node.name)
        weight = self.variable(self.inputs(node)[1])
        if not weight:
            raise ModelError(f"the weights of {node.op} {node.name} are computed at run time")
        self._refuse_shared(found, chain)
        layout = LAYOUTS[node.op]
        if node.op == "MatMul" and node.attr["transpose_b"].b:
            layout = Layout.OUT_FIRST
        return Fold(
            norm=found.name,
            layer=node.name,
            op_type=node.op,
            weight=weight,
            bias=bias,
            scale=found.scale,
            shift=found.shift,
            mean=found.mean,
            variance=found.variance,
            epsilon=found.epsilon,
            layout=layout,
        )

    def _refuse_shared(self, found: _Found, chain: list[str]) -> None:
        """Gradients, summaries and the normalisation's own moments may read the layer; nothing else may."""
        own = {found.scope, found.scope.removesuffix("/batchnorm"), found.mean.rpartition("/")[0]} - {""}
        for name in chain:
            for reader in self._readers.get(name, []):
                inside = reader.name.startswith(tuple(f"{scope}/" for scope in own))
                gradient = any(part.startswith("gradients") for part in reader.name.split("/"))
                if not (inside or gradient or reader.name in (*chain, found.name) or reader.op in BESIDE):
                    raise ModelError(
                        f"the output of {name} is shared: {reader.op} {reader.name} reads it too"
                    )

    def variable(self, name: str) -> str:
        """The checkpoint's name of the variable that `name` reads; "" where it reads none."""
        node = self.nodes.get(name)
        while node is not None and node.op in PASSING and node.input:
            node = self.nodes.get(self.inputs(node)[0])
        if node is None or node.op not in VARIABLES:
            return ""
        shared = node.attr["shared_name"].s.decode() if node.op == "VarHandleOp" else ""
        return shared or str(node.name)

    def _through(self, name: str, chain: list[str]) -> Any:
        """The node that gives the value which `name` passes on."""
        node = self.nodes[name]
        while node.op in PASSING and node.input:
            chain.append(node.name)
            node = self.nodes[self.inputs(node)[0]]
        return node

    def _reader(self, node: Any, ops: Collection[str]) -> Any:
        return next((reader for reader in self._readers.get(node.name, []) if reader.op in ops), None)

    def _constant(self, name: str) -> float | None:
        """The number that a float Const holds."""
        node = self.nodes.get(name)
        if node is None or node.op != "Const":
            return None
        tensor = node.attr["value"].tensor
        if len(tensor.float_val) == 1:
            return float(tensor.float_val[0])
        return (
            float(struct.unpack("<f", tensor.tensor_content)[0]) if len(tensor.tensor_content) == 4 else None
        )

    def _is_ones(self, name: str) -> bool:
        """Whether a Const or Fill is 1 everywhere: a normalisation without scale, as slim makes them."""
        node = self.nodes.get(name)
        if node is None:
            return False
        if node.op == "Fill":
            return self._constant(self.inputs(node)[1]) == 1.0
        if node.op in PASSING:
            return self._is_ones(self.inputs(node)[0])
        if node.op != "Const":
            return False
        tensor = node.attr["value"].tensor
        if tensor.tensor_content:
            count = len(tensor.tensor_content) // 4
            return set(struct.unpack(f"<{count}f", tensor.tensor_content)) == {1.0}
        return set(tensor.float_val) == {1.0}

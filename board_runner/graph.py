"""An ONNX file as plain records; the only module of `board_runner` that imports `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from board_runner.contract import METADATA_KEY, Array, InputContract, TensorSpec
from board_runner.errors import ModelError

STAGE_KEY = "sgs_deploy.stage"
"""ONNX metadata property: `float` or `fixed` in the files our converter writes."""


DAMAGE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What the onnx package and our own reading of attributes raise for numbers, names and types out of place."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator call; attribute values are Python numbers, strings, lists or arrays."""

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in topological order, constants by name, and what goes in and out."""

    nodes: tuple[Node, ...]
    initializers: Mapping[str, Array]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    name: str = "graph"
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_fixed(self) -> bool:
        """Whether our converter wrote this as a quantised (QDQ) model."""
        return self.metadata.get(STAGE_KEY) == "fixed"

    @property
    def contract(self) -> InputContract | None:
        """The contract the file carries, if any."""
        text = self.metadata.get(METADATA_KEY)
        return InputContract.from_json(text) if text is not None else None

    @classmethod
    def load(cls, path: Path) -> Graph:
        """Read a file; raises ModelError when it is not a self-contained, valid ONNX model."""
        try:
            model = onnx.load_model(str(path), load_external_data=False)
        except FileNotFoundError as e:
            raise ModelError(f"{path}: no such model file") from e
        except Exception as e:  # protobuf raises its own, differing between its two backends
            raise ModelError(f"{path}: not an ONNX model ({e})") from e
        try:
            return cls.from_onnx(model)
        except ModelError as e:
            raise ModelError(f"{path}: {e}", hint=e.hint) from e
        except DAMAGE as e:
            raise ModelError(f"{path}: a damaged model ({type(e).__name__}: {e})") from e

    @classmethod
    def from_onnx(cls, model: onnx.ModelProto) -> Graph:
        """Convert a protobuf; raises ModelError for external data, sub-graphs or dynamic inputs."""
        graph = model.graph
        if not graph.node and not graph.output:
            raise ModelError("holds no graph: empty, or not an ONNX model")
        initializers = {t.name: _array(t) for t in graph.initializer}
        return cls(
            nodes=tuple(_node(node) for node in graph.node),
            initializers=initializers,
            inputs=tuple(_spec(v) for v in graph.input if v.name not in initializers),
            outputs=tuple(_spec(v) for v in graph.output),
            opset=max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1),
            name=graph.name,
            metadata={p.key: p.value for p in model.metadata_props},
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every input and every tensor between nodes, where onnx's inference finds it whole."""
        inferred = onnx.shape_inference.infer_shapes(self.to_onnx(), data_prop=True)
        found = {spec.name: tuple(spec.shape) for spec in self.inputs}
        for value in inferred.graph.value_info:
            sizes = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            if all(sizes):
                found[value.name] = sizes
        return found

    def to_onnx(self) -> onnx.ModelProto:
        """The protobuf of this graph, IR version as old as the opset allows."""
        graph = helper.make_graph(
            [_node_proto(node) for node in self.nodes],
            self.name,
            [_value_info(spec) for spec in self.inputs],
            [_value_info(spec) for spec in self.outputs],
            [numpy_helper.from_array(np.asarray(v), name) for name, v in self.initializers.items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model_gen_version(graph, opset_imports=opsets, producer_name="sgs-deploy")
        helper.set_model_props(model, dict(self.metadata))
        return model

    def save(self, path: Path) -> None:
        """Write the file; the same graph gives the same bytes."""
        path.write_bytes(self.to_onnx().SerializeToString(deterministic=True))


def _node(node: onnx.NodeProto) -> Node:
    return Node(
        op_type=node.op_type,
        name=node.name or next(iter(node.output), node.op_type),
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes={a.name: _attribute(a) for a in node.attribute},
        domain="" if node.domain == "ai.onnx" else node.domain,
    )


def _array(tensor: onnx.TensorProto) -> Array:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError("keeps its weights in another file", hint="save it with the weights inside")
    value: Array = numpy_helper.to_array(tensor)
    return value


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        return _array(value)
    if isinstance(value, onnx.GraphProto):
        raise ModelError(f"attribute {attribute.name!r} holds a sub-graph, which the runner has no use for")
    if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
        return list(value)
    if attribute.type == onnx.AttributeProto.STRINGS:
        return [item.decode("utf-8", "replace") for item in value]
    return value


def _node_proto(node: Node) -> onnx.NodeProto:
    attributes = {
        key: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for key, value in node.attributes.items()
    }
    return helper.make_node(
        node.op_type, list(node.inputs), list(node.outputs), name=node.name, domain=node.domain, **attributes
    )


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
    return TensorSpec(
        name=value.name, dtype=helper.tensor_dtype_to_np_dtype(tensor.elem_type).name, shape=shape
    )


def _value_info(spec: TensorSpec) -> onnx.ValueInfoProto:
    dims = [size if size >= 0 else None for size in spec.shape]
    return helper.make_tensor_value_info(
        spec.name, helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype)), dims
    )

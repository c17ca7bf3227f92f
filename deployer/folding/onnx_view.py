"""An ONNX protobuf as folding sees and edits it: givers, readers, constants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from board_runner.contract import Array


class GraphView:
    """The top graph of a model that it edits in place; call `refresh` after the nodes have changed."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self._arrays: dict[str, Array] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again at who gives and who reads what."""
        self.giver = {name: i for i, node in enumerate(self.graph.node) for name in node.output if name}
        self.readers: dict[str, list[int]] = {}
        for i, node in enumerate(self.graph.node):
            for name in _read(node):
                self.readers.setdefault(name, []).append(i)
        self.results = {value.name for value in self.graph.output}
        self._initializers = {tensor.name: i for i, tensor in enumerate(self.graph.initializer)}

    def told(self, index: int) -> str:
        """A node's name, or else that of its first output."""
        node = self.graph.node[index]
        return str(node.name or next(iter(node.output), node.op_type))

    def constant(self, name: str) -> Array | None:
        """The value of an initializer or Constant, through Identity nodes; None for what is known at run time."""
        if name in self._arrays:
            return self._arrays[name]
        value = None
        if name in self._initializers:
            value = np.asarray(numpy_helper.to_array(self.graph.initializer[self._initializers[name]]))
        elif name in self.giver:
            node = self.graph.node[self.giver[name]]
            if node.op_type == "Identity":
                value = self.constant(node.input[0])
            elif node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                value = np.asarray(numpy_helper.to_array(node.attribute[0].t))
        if value is not None:
            self._arrays[name] = value
        return value

    def source_name(self, name: str) -> str:
        """The name under which a constant is stored, where Identity nodes pass it on."""
        while name in self.giver and self.graph.node[self.giver[name]].op_type == "Identity":
            name = self.graph.node[self.giver[name]].input[0]
        return name

    def attribute(self, index: int, name: str, default: Any) -> Any:
        """An attribute's value; text as str."""
        for attribute in self.graph.node[index].attribute:
            if attribute.name == name:
                value = helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def store(self, name: str, value: Array, index: int) -> str:
        """Make `value` a constant that node `index` alone reads; keeps `name` where no other node reads it."""
        others = [reader for reader in self.readers.get(name, []) if reader != index]
        if not name or others or name in self.results or name not in self._initializers:
            name = self.free_name(f"{name or self.told(index) + '_bias'}_folded")
            self.graph.initializer.append(numpy_helper.from_array(value, name))
            self._initializers[name] = len(self.graph.initializer) - 1
        else:
            self.graph.initializer[self._initializers[name]].CopyFrom(numpy_helper.from_array(value, name))
            for i, entry in enumerate(self.graph.input):
                if entry.name == name:  # old files list weights as inputs too, with the shape they had
                    del self.graph.input[i]
                    break
        self._arrays[name] = value
        return name

    def free_name(self, wanted: str) -> str:
        """`wanted`, or with a number where the graph has that name."""
        taken = {*self.giver, *self.readers, *self._initializers}
        number = 2
        name = wanted
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        return name

    def drop_unread(self) -> None:
        """Remove constants that nothing reads any more, and what was known of values that are gone."""
        self.refresh()
        wanted = {*self.readers, *self.results}
        for entries in (self.graph.initializer, self.graph.input):
            gone = [
                i
                for i, entry in enumerate(entries)
                if entry.name not in wanted and entry.name in self._initializers
            ]
            for i in reversed(gone):
                del entries[i]
        for i in reversed(range(len(self.graph.node))):
            node = self.graph.node[i]
            if node.op_type == "Constant" and not wanted & set(node.output):
                del self.graph.node[i]
        self.refresh()
        for i in reversed(range(len(self.graph.value_info))):
            if self.graph.value_info[i].name not in self.giver:
                del self.graph.value_info[i]


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, the sub-graphs in it too: these see the values of the graph around them."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from _read(inner)

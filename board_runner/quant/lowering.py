"""The integer program while it is being written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.integer import shapes
from board_runner.integer.program import Instruction, Value


class Lowering:
    """The program as it grows: `levels` maps a tensor's name to its value, `weights` to stored levels."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants = graph.initializers
        self.values: list[Value] = []
        self.instructions: list[Instruction] = []
        self.levels: dict[str, int] = {}
        self.weights: dict[str, tuple[Array, Array]] = {}
        self.quantisers = {n.inputs[0]: n for n in graph.nodes if n.op_type == "QuantizeLinear"}

    def emit(
        self,
        op: str,
        inputs: Sequence[int],
        like: Value,
        *,
        ints: Mapping[str, tuple[int, ...]] | None = None,
        tensors: dict[str, Array] | None = None,
        name: str = "",
    ) -> int:
        """Append an instruction whose output has the type, scale and zero of `like`; gives the value.

        `name` is the tensor of the float model that the output stands for; helpers between layers have none.
        """
        instruction = Instruction(
            op=op,
            inputs=tuple(inputs),
            output=len(self.values),
            ints=ints or {},
            tensors=tensors or {},
            name=name,
        )
        shape = shapes.infer(instruction, [self.values[i] for i in inputs])
        self.values.append(Value(dtype=like.dtype, shape=shape, scale=like.scale, zero=like.zero))
        self.instructions.append(instruction)
        return len(self.values) - 1

    def parameters(self, node: Node) -> Value:
        """Type, scale and zero point of a quantiser, without a shape."""
        scale, zero = self.constants[node.inputs[1]], self.constants[node.inputs[2]]
        if scale.size != 1 or zero.size != 1 or not (float(scale) > 0 and math.isfinite(float(scale))):
            raise ModelError(f"{node.name}: an activation needs one positive scale and one zero point")
        return Value(dtype=str(zero.dtype), shape=(), scale=float(scale), zero=int(zero))

    def value(self, name: str) -> int:
        """The value that `name` stands for; a stored constant becomes one."""
        if name not in self.levels:
            data, scale = self.weights[name]
            like = Value(dtype="int16", shape=(), scale=float(scale))
            self.levels[name] = self.emit("constant", (), like, tensors={"data": data}, name=name)
        return self.levels[name]

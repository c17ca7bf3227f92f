"""A program layer by layer: each alone, fed with tensors from anywhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import requant
from board_runner.integer.engine import real
from board_runner.integer.kernels import prepare
from board_runner.integer.program import Instruction, Program, Value


class Layers:
    """The named instructions of a program, each with the unnamed steps (narrowing, rescaling) before it.

    `names` are tensors of the float model in the order of execution; stored constants are no layers.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._makers = {step.output: step for step in program.instructions}
        self._inputs = {value: name for name, value in program.inputs}
        named = (step for step in program.instructions if step.name and step.op != "constant")
        self._layers = {step.name: step for step in named}
        self.names = tuple(self._layers)

    def op(self, name: str) -> str:
        """The instruction of a layer, such as `conv8`."""
        return self._layer(name).op

    def sources(self, name: str) -> tuple[str, ...]:
        """The tensors that a layer reads, model inputs included."""
        found: list[str] = []
        waiting = list(self._layer(name).inputs)[::-1]
        while waiting:
            value = waiting.pop()
            if value in self._inputs:
                found.append(self._inputs[value])
            elif self._makers[value].name:
                found += [self._makers[value].name] if self._makers[value].op != "constant" else []
            else:
                waiting += self._makers[value].inputs[::-1]
        return tuple(dict.fromkeys(found))

    def run(self, name: str, given: Mapping[str, Array]) -> Array:
        """The layer alone, float32: `given` holds each of its `sources` as real numbers.

        They are quantised as the program holds them: nearest level, ties to even, saturated.
        Raises ModelError for a source that is missing or of another shape.
        """
        step = self._layer(name)
        return real(self.program.values[step.output], self._step(step, given))

    def _step(self, step: Instruction, given: Mapping[str, Array]) -> Array:
        values = [self._value(value, given) for value in step.inputs]
        inputs = [self.program.values[value] for value in step.inputs]
        output = self.program.values[step.output]
        return prepare(step, inputs, output)(values, np.empty(output.shape, output.dtype))

    def _value(self, index: int, given: Mapping[str, Array]) -> Array:
        if index in self._inputs:
            return _given(given, self._inputs[index], self.program.values[index])
        step = self._makers[index]
        if not step.name or step.op == "constant":
            return self._step(step, given)
        value = self.program.values[index]
        levels = np.rint(_given(given, step.name, value).astype(np.float64) / value.scale)
        return requant.to_int16(levels)

    def _layer(self, name: str) -> Instruction:
        if name not in self._layers:
            raise ModelError(f"the program has no layer {name!r}")
        return self._layers[name]


def _given(given: Mapping[str, Array], name: str, value: Value) -> Array:
    if name not in given:
        raise ModelError(f"the layer reads {name!r}, which is not given")
    if given[name].shape != value.shape:
        raise ModelError(f"{name!r} is {list(given[name].shape)}, the layer wants {list(value.shape)}")
    return given[name]

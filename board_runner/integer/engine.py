"""The engine over an integer program; `eat.img` needs nothing but this and numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.errors import ModelError
from board_runner.integer import image, kernels, memory, shapes
from board_runner.integer.memory import Plan
from board_runner.integer.program import Instruction, Kernel, Program, Value

Prepare = Callable[[Instruction, Sequence[Value], Value], Kernel]
"""A realisation of the arithmetic: `kernels.prepare` through BLAS, `exact.prepare` in integers alone."""


@dataclass(frozen=True, kw_only=True)
class _Step:
    kernel: Kernel
    sources: tuple[int, ...]
    output: int
    finished: tuple[int, ...]


class IntegerEngine:
    """An `Engine` over a program. Raises ModelError for a program that does not hold together.

    With a `plan` every value lies in one arena, at the plan's offset; without it each gets memory of its
    own. Use an engine from one thread at a time.
    """

    def __init__(
        self, program: Program, *, plan: Plan | None = None, prepare: Prepare = kernels.prepare
    ) -> None:
        self.program = program
        self._steps = _steps(program, prepare)
        self.inputs = tuple(_spec(program, name, value) for name, value in program.inputs)
        self.outputs = tuple(
            TensorSpec(name=name, dtype="float32", shape=program.values[value].shape)
            for name, value in program.outputs
        )
        self.output_scales = {name: np.float32(program.values[v].scale) for name, v in program.outputs}
        self._places = None if plan is None else _arena(program, plan)

    def run_raw(self, inputs: Tensors) -> dict[str, Array]:
        """int16 levels by output name; raises ModelError for inputs not the model's."""
        values = self._values(inputs)
        for step in self._steps:
            self._run(step, values)
            for value in step.finished:
                del values[value]
        return {name: np.array(values[value], order="C") for name, value in self.program.outputs}

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """float32 by output name: levels times the output's scale."""
        raw = self.run_raw(inputs)
        return {name: levels.astype(np.float32) * self.output_scales[name] for name, levels in raw.items()}

    def intermediates(self, inputs: Tensors) -> dict[str, Array]:
        """What every named instruction gives, as float32 by the float model's tensor name, in order.

        Raises ModelError for inputs not the model's.
        """
        return {
            step.name: real(self.program.values[step.output], levels)
            for step, levels in self.trace(inputs)
            if step.name
        }

    def trace(self, inputs: Tensors) -> Iterator[tuple[Instruction, Array]]:
        """Every instruction with the levels it gives, which are good until the next one is asked for."""
        values = self._values(inputs)
        for step, instruction in zip(self._steps, self.program.instructions, strict=True):
            self._run(step, values)
            yield instruction, values[step.output]
            for value in step.finished:
                del values[value]

    def _run(self, step: _Step, values: dict[int, Array]) -> None:
        out = self._place(step.output)
        values[step.output] = step.kernel([values[source] for source in step.sources], out)

    def _place(self, value: int) -> Array:
        if self._places is not None:
            return self._places[value]
        given = self.program.values[value]
        return np.empty(given.shape, given.dtype)

    def _values(self, inputs: Tensors) -> dict[int, Array]:
        if set(inputs) != {spec.name for spec in self.inputs}:
            wanted = sorted(spec.name for spec in self.inputs)
            raise ModelError(f"the model's inputs are {wanted}, got {sorted(inputs)}")
        values = {}
        for spec, (name, value) in zip(self.inputs, self.program.inputs, strict=True):
            spec.check(inputs[name])
            values[value] = self._place(value)
            values[value][...] = inputs[name]
        return values


class OfflineEngine(IntegerEngine):
    """Runs an `eat.img` in the memory that it plans."""

    @classmethod
    def load(cls, path: Path) -> OfflineEngine:
        """Raises ModelError for a file that is damaged or not ours."""
        loaded = image.read(path)
        try:
            return cls(loaded.program, plan=loaded.plan)
        except ModelError as e:
            raise ModelError(f"{path}: {e}", hint=e.hint) from e


def real(value: Value, levels: Array) -> Array:
    """(levels - zero) * scale in float32."""
    return (levels.astype(np.float32) - np.float32(value.zero)) * np.float32(value.scale)


def _spec(program: Program, name: str, value: int) -> TensorSpec:
    given = program.values[value]
    return TensorSpec(name=name, dtype=given.dtype, shape=given.shape)


def _steps(program: Program, prepare: Prepare) -> list[_Step]:
    """Kernels in order, each with the values that nobody needs after it."""
    spans = memory.lives(program)
    shapes.check(program)
    steps = []
    for number, step in enumerate(program.instructions):
        inputs, output = [program.values[v] for v in step.inputs], program.values[step.output]
        try:
            kernel = prepare(step, inputs, output)
        except ModelError as e:
            raise ModelError(f"instruction {number} ({step.name or step.op}): {e}", hint=e.hint) from e
        finished = {v for v in (*step.inputs, step.output) if spans[v][1] <= number}
        steps.append(
            _Step(kernel=kernel, sources=step.inputs, output=step.output, finished=tuple(sorted(finished)))
        )
    return steps


def _arena(program: Program, plan: Plan) -> list[Array]:
    """The place of every value, views of one block; a stored constant gets an empty stand-in."""
    block = np.zeros(plan.arena_bytes, np.uint8)
    places = []
    for value, offset in zip(program.values, plan.offsets, strict=True):
        dtype = np.dtype(value.dtype)
        count = 0 if offset is None else math.prod(value.shape)
        part = block[offset or 0 : (offset or 0) + count * dtype.itemsize]
        places.append(part.view(dtype).reshape(value.shape if offset is not None else (0,)))
    return places

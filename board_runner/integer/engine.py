"""The engine over an integer program; `eat.img` needs nothing but this and numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.errors import ModelError
from board_runner.integer import image, shapes
from board_runner.integer.kernels import Kernel, prepare
from board_runner.integer.program import Program, Value


class IntegerEngine:
    """An `Engine` over a program. Raises ModelError for a program that does not hold together."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.inputs = tuple(_spec(program, name, value) for name, value in program.inputs)
        self.outputs = tuple(
            TensorSpec(name=name, dtype="float32", shape=program.values[value].shape)
            for name, value in program.outputs
        )
        self.output_scales = {name: np.float32(program.values[v].scale) for name, v in program.outputs}
        self._steps = _steps(program)

    def run_raw(self, inputs: Tensors) -> dict[str, Array]:
        """int16 levels by output name; raises ModelError for inputs not the model's."""
        values = self._values(inputs)
        for kernel, sources, output, finished in self._steps:
            values[output] = kernel([values[source] for source in sources])
            for value in finished:
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
        values, reals = self._values(inputs), {}
        for (kernel, sources, output, _), step in zip(self._steps, self.program.instructions, strict=True):
            values[output] = kernel([values[source] for source in sources])
            if step.name:
                reals[step.name] = real(self.program.values[output], values[output])
        return reals

    def _values(self, inputs: Tensors) -> dict[int, Array]:
        if set(inputs) != {spec.name for spec in self.inputs}:
            wanted = sorted(spec.name for spec in self.inputs)
            raise ModelError(f"the model's inputs are {wanted}, got {sorted(inputs)}")
        for spec in self.inputs:
            spec.check(inputs[spec.name])
        return {value: inputs[name] for name, value in self.program.inputs}


class OfflineEngine(IntegerEngine):
    """Runs an `eat.img`."""

    @classmethod
    def load(cls, path: Path) -> OfflineEngine:
        """Raises ModelError for a file that is damaged or not ours."""
        loaded = image.read(path)
        try:
            return cls(loaded.program)
        except ModelError as e:
            raise ModelError(f"{path}: {e}", hint=e.hint) from e


def real(value: Value, levels: Array) -> Array:
    """(levels - zero) * scale in float32."""
    return (levels.astype(np.float32) - np.float32(value.zero)) * np.float32(value.scale)


def _spec(program: Program, name: str, value: int) -> TensorSpec:
    given = program.values[value]
    return TensorSpec(name=name, dtype=given.dtype, shape=given.shape)


def _steps(program: Program) -> list[tuple[Kernel, tuple[int, ...], int, tuple[int, ...]]]:
    """Kernels in order, each with the values that nobody needs after it."""
    defined = {value for _, value in program.inputs}
    kept = {value for _, value in program.outputs}
    last = {v: i for i, step in enumerate(program.instructions) for v in (*step.inputs, step.output)}
    steps = []
    for index, step in enumerate(program.instructions):
        if not defined.issuperset(step.inputs) or step.output in defined:
            raise ModelError(f"instruction {index} ({step.op}) uses what is not there, or gives what is")
        inputs, output = [program.values[v] for v in step.inputs], program.values[step.output]
        wanted = shapes.TYPES.get(step.op, ("int16", "int16"))[1]
        if shapes.infer(step, inputs) != output.shape or output.dtype != wanted:
            raise ModelError(
                f"instruction {index} ({step.op}) does not give {output.dtype}{list(output.shape)}"
            )
        defined.add(step.output)
        mine = {*step.inputs, step.output}
        finished = tuple(sorted(v for v in mine if last[v] == index and v not in kept))
        steps.append((prepare(step, inputs, output), step.inputs, step.output, finished))
    if not kept <= defined or any(program.values[v].dtype != "int16" for v in kept):
        raise ModelError("an output that no instruction gives as int16")
    return steps

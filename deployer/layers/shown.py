"""What a stage shows of its layers for one clip, and our own engines as such stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from board_runner.contract import Array
from board_runner.engine import Engine
from board_runner.float_engine import FloatEngine
from board_runner.integer.engine import IntegerEngine


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Layers in the order of execution: float32 tensors, perhaps read when they are asked for, and operators.

    Stored constants are no layers.
    """

    tensors: Mapping[str, Array]
    ops: Mapping[str, str]


class LayerStage(Protocol):
    """One side of a comparison."""

    @property
    def stage(self) -> str:
        """Its name."""
        ...

    @property
    def detail(self) -> str:
        """What computed it."""
        ...

    def show(self, clip: str, tensor: Array) -> AbstractContextManager[Shown]:
        """Run one clip; what is shown is good until the context ends. Raises ModelError, ToolchainError."""
        ...


class EngineStage:
    """A stage that our own runner computes, in memory."""

    def __init__(self, stage: str, engine: FloatEngine | IntegerEngine, *, detail: str) -> None:
        self.stage, self.detail = stage, detail
        self._engine = engine
        self._ops = _ops(engine)

    @contextmanager
    def show(self, clip: str, tensor: Array) -> Iterator[Shown]:
        """Every layer of one clip."""
        del clip
        given = {self._engine.inputs[0].name: tensor}
        if isinstance(self._engine, FloatEngine):
            tensors = self._engine.intermediates(given, list(self._ops))
        else:
            tensors = self._engine.intermediates(given)
        # An input that is passed on as it is bears the same name: nothing was computed then.
        named = {name: tensors[name] for name in self._ops if name in tensors}
        yield Shown(tensors=named, ops=self._ops)


def shows_layers(engine: Engine) -> bool:
    """Whether the engine is one of ours that can be looked into."""
    return isinstance(engine, FloatEngine | IntegerEngine)


def _ops(engine: FloatEngine | IntegerEngine) -> dict[str, str]:
    if isinstance(engine, FloatEngine):
        nodes = (node for node in engine.graph.nodes if node.op_type != "Constant")
        return {name: node.op_type for node in nodes for name in node.outputs if name}
    steps = (step for step in engine.program.instructions if step.name and step.op != "constant")
    return {step.name: step.op for step in steps}

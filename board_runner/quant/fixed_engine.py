"""Run a `*_fixed.sim` as integers."""

from __future__ import annotations

from board_runner.graph import Graph
from board_runner.integer.engine import IntegerEngine
from board_runner.quant.lower import lower


class FixedEngine(IntegerEngine):
    """The simulator of a quantised graph: lowered when it is loaded. Raises ModelError."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(lower(graph))

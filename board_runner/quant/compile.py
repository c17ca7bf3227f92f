"""`*_fixed.sim` -> `eat.img`."""

from __future__ import annotations

from pathlib import Path

from board_runner.errors import ModelError
from board_runner.graph import Graph
from board_runner.integer import image
from board_runner.quant.lower import lower


def write_image(fixed_path: Path, out: Path, *, chip: str) -> None:
    """Lower the quantised graph and write it with its contract; the same file gives the same bytes.

    Raises ModelError for a file that is no fixed model or carries no input contract.
    """
    graph = Graph.load(fixed_path)
    if not graph.is_fixed:
        raise ModelError(f"{fixed_path}: not a fixed model", hint="quantise it first: `deploy convert`")
    contract = graph.contract
    if contract is None:
        raise ModelError(f"{fixed_path}: carries no input contract", hint="convert the model again")
    out.write_bytes(image.pack(chip, contract, lower(graph)))

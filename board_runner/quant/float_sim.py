"""ONNX -> `*_float.sim`: the same graph, marked with its stage and its input contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from board_runner.contract import METADATA_KEY, InputContract
from board_runner.graph import STAGE_KEY, Graph


def write_float(onnx_path: Path, out: Path, *, contract: InputContract | None = None) -> None:
    """Write `out`, whose results are those of `onnx_path` bit for bit.

    `contract` goes before the one that the source carries. Raises ModelError.
    """
    graph = Graph.load(onnx_path)
    metadata = {**graph.metadata, STAGE_KEY: "float"}
    if contract is not None:
        metadata[METADATA_KEY] = contract.to_json()
    replace(graph, metadata=metadata).save(out)

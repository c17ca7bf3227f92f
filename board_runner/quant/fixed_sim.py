"""`*_float.sim` -> `*_fixed.sim`: calibrate, then quantise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from board_runner.contract import Tensors
from board_runner.graph import Graph
from board_runner.quant import patterns, qdq, ranges
from board_runner.quant.settings import QuantSettings


def write_fixed(
    float_path: Path,
    out: Path,
    *,
    samples: Iterable[Tensors],
    settings: QuantSettings = QuantSettings(),  # noqa: B008 - frozen
    progress: Callable[[int], None] | None = None,
) -> None:
    """Calibrate on `samples`, one at a time, and write a QDQ model at opset 21.

    `progress` gets the number of samples seen. The same samples give the same bytes. Raises ModelError.
    """
    graph = patterns.rewrite(Graph.load(float_path))
    limits = ranges.measure(graph, samples, progress)
    qdq.quantised(graph, limits, settings).save(out)

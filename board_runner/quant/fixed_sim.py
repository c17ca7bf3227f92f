"""`*_float.sim` -> `*_fixed.sim`: calibrate, then quantise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from board_runner.graph import Graph
from board_runner.quant import patterns, qdq
from board_runner.quant.calibration import Calibration, calibrate
from board_runner.quant.observe import Samples
from board_runner.quant.settings import QuantSettings


def write_fixed(
    float_path: Path,
    out: Path,
    *,
    samples: Samples,
    settings: QuantSettings = QuantSettings(),  # noqa: B008 - frozen
    progress: Callable[[int], None] | None = None,
) -> Calibration:
    """Calibrate on `samples`, one at a time, and write a QDQ model at opset 21.

    `progress` gets the number of samples seen, going on through `settings.passes` passes; more than one
    needs a sequence, or a function that gives the samples anew. The same samples give the same bytes. Raises
    ModelError.
    """
    graph = patterns.rewrite(Graph.load(float_path))
    calibration = calibrate(graph, samples, settings, progress)
    qdq.quantised(graph, calibration.scheme).save(out)
    return calibration

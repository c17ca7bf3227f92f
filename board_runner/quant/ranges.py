"""Ranges of every tensor over the calibration samples: smallest and largest value, one sample at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from board_runner.contract import Array, Tensors
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph

Ranges = dict[str, tuple[float, float]]


def measure(
    graph: Graph, samples: Iterable[Tensors], progress: Callable[[int], None] | None = None
) -> Ranges:
    """(min, max) by tensor name, inputs and node outputs; memory is that of one sample.

    Minima and maxima do not depend on the order of samples. Raises ModelError for no samples, and for a
    value that is not finite.
    """
    engine = FloatEngine(graph, fused=False)
    ranges: Ranges = {}
    count = 0
    for sample in samples:
        values = engine.intermediates(sample)
        for name, value in (*sample.items(), *values.items()):
            _widen(ranges, name, value)
        count += 1
        if progress is not None:
            progress(count)
    if count == 0:
        raise ModelError("no calibration samples", hint="give at least one; about thirty are usual")
    return ranges


def _widen(ranges: Ranges, name: str, value: Array) -> None:
    if value.dtype.kind != "f" or value.size == 0:
        return
    low, high = float(value.min()), float(value.max())
    if not np.isfinite([low, high]).all():
        raise ModelError(f"tensor {name!r} is not finite on a calibration sample")
    old = ranges.get(name, (low, high))
    ranges[name] = (min(old[0], low), max(old[1], high))

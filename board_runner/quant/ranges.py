"""Ranges of tensors over the calibration samples: smallest and largest value, one sample at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.quant.observe import Observer, Samples, each

Range: TypeAlias = tuple[float, float]
Ranges: TypeAlias = dict[str, Range]
Progress: TypeAlias = Callable[[int], None]

MOVES = frozenset(
    (
        *("Gather", "Identity", "Pad", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten"),
        *("Slice", "MaxPool"),
    )
)
"""Operators whose output keeps the scale of their input."""


def measure(graph: Graph, samples: Samples, progress: Progress | None = None) -> Ranges:
    """(min, max) by name of inputs, inputs of convolutions and what nodes compute; `progress` gets the count.

    Minima and maxima do not depend on the order of samples. Raises ModelError for no samples, and for a
    value that is not finite.
    """
    ranges: Ranges = {}

    def widen(name: str, value: Array) -> None:
        if value.dtype.kind != "f" or value.size == 0:
            return
        low, high = float(value.min()), float(value.max())
        if not np.isfinite([low, high]).all():
            raise ModelError(f"tensor {name!r} is not finite on a calibration sample")
        old = ranges.get(name, (low, high))
        ranges[name] = (min(old[0], low), max(old[1], high))

    observer = Observer(graph, needed(graph))
    count = 0
    for count, sample in enumerate(each(samples), start=1):
        observer.run(sample, widen)
        if progress is not None:
            progress(count)
    if count == 0:
        raise ModelError("no calibration samples", hint="give at least one; about thirty are usual")
    return ranges


def needed(graph: Graph) -> list[str]:
    """The tensors whose range decides a scale: what a move gives has that of its source."""
    names = [spec.name for spec in graph.inputs]
    names += [name for node in graph.nodes if node.op_type not in MOVES for name in node.outputs]
    return list(dict.fromkeys(names + conv_inputs(graph)))


def before_limits(graph: Graph, ranges: Ranges) -> Ranges:
    """Ranges of what only a Relu or a Clip reads: that of its result, since what saturates is cut off anyway."""
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    kept = {spec.name for spec in (*graph.inputs, *graph.outputs)}
    moved = {name for node in graph.nodes if node.op_type in MOVES for name in node.outputs}
    found: Ranges = {}
    for node in reversed(graph.nodes):  # a Clip of a Relu gives its range to both
        source, limited = node.inputs[0] if node.inputs else "", node.outputs[0]
        if node.op_type in ("Relu", "Clip") and readers[source] == 1 and source not in kept | moved:
            found[source] = found.get(limited, ranges[limited])
    return {name: limits for name, limits in found.items() if name in ranges}


def convolutions(graph: Graph) -> list[Node]:
    """In graph order; the first is the one that `tensor_arrays` leaves alone."""
    return [node for node in graph.nodes if node.op_type == "Conv"]


def conv_inputs(graph: Graph) -> list[str]:
    """The first inputs of convolutions, each once, in graph order."""
    return list(dict.fromkeys(node.inputs[0] for node in convolutions(graph)))

"""Another batch size for a model that was made for one sample. Whether it computes the same must be checked."""

from __future__ import annotations

from dataclasses import replace

from board_runner.contract import TensorSpec
from board_runner.errors import ModelError
from board_runner.graph import Graph

FREE = -1


def with_batch(graph: Graph, batch: int) -> Graph:
    """`graph` with `batch`, or `FREE`, as first size of every input and output.

    Raises ModelError for an input or output whose first size is neither 1 nor free: that is no batch axis, or a
    fixed batch of another size.
    """
    if batch != FREE and batch < 1:
        raise ModelError(f"a batch of {batch}")
    return replace(
        graph,
        inputs=tuple(_batched("input", spec, batch) for spec in graph.inputs),
        outputs=tuple(_batched("output", spec, batch) for spec in graph.outputs),
    )


def sample_shape(graph: Graph) -> tuple[int, ...]:
    """The one input's shape without the batch; raises ModelError for several inputs, or free sizes in it."""
    if len(graph.inputs) != 1:
        raise ModelError(f"the model has {len(graph.inputs)} inputs, a sweep over batches takes one")
    shape = graph.inputs[0].shape[1:]
    if min(shape, default=1) < 1:
        raise ModelError(
            f"input {graph.inputs[0].name!r} is {list(graph.inputs[0].shape)}: a size is not fixed"
        )
    return shape


def _batched(kind: str, spec: TensorSpec, batch: int) -> TensorSpec:
    if not spec.shape or spec.shape[0] not in (1, FREE):
        raise ModelError(
            f"{kind} {spec.name!r} is {list(spec.shape)}: its first size is no batch of 1, and not free",
            hint="export the model for one sample",
        )
    return replace(spec, shape=(batch, *spec.shape[1:]))

"""What runs a model in any batch size: the float engine, or ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from board_runner.contract import Array
from board_runner.errors import ModelError, UsageError
from board_runner.float_engine import FloatEngine
from board_runner.graph import DAMAGE, Graph
from deployer.sweep.batch_axis import FREE, with_batch

EngineName = Literal["float", "onnxruntime"]
Run: TypeAlias = Callable[[Array], Mapping[str, Array]]
BAKED = "is a batch of 1 written into the model?"


def maker(graph: Graph, engine: EngineName) -> Callable[[int], Run]:
    """Batch size -> what runs it."""
    name = graph.inputs[0].name
    if engine == "float":

        def of_size(batch: int) -> Run:
            loaded = FloatEngine(with_batch(graph, batch))

            def run(value: Array) -> Mapping[str, Array]:
                try:
                    return loaded.run({name: value})
                except (ModelError, *DAMAGE) as e:
                    raise ModelError(f"batch {batch}: {e}", hint=BAKED) from e

            return run

        return of_size
    session = _session(graph)
    outputs = [spec.name for spec in graph.outputs]

    def by_session(value: Array) -> Mapping[str, Array]:
        try:
            return dict(zip(outputs, session.run(outputs, {name: value}), strict=True))
        except Exception as e:  # the runtime's errors share no base class
            raise ModelError(
                f"batch {len(value)}: {str(e).splitlines()[0]}",
                hint=BAKED,
            ) from e

    return lambda _: by_session


def _session(graph: Graph) -> Any:
    try:
        import onnxruntime as ort
    except ImportError as e:
        raise UsageError("ONNX Runtime is not installed", hint="pip install 'sgs-deploy[ort]'") from e
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    model = with_batch(graph, FREE).to_onnx().SerializeToString()
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def blas_threads() -> int | None:
    """What numpy's BLAS was told; None where it decides by itself."""
    told = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    return int(told) if told and told.isdigit() else None

"""Whether a folded graph gives what the graph gave, and how much faster: both run, side by side."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx

from board_runner.contract import Array, TensorSpec
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import DAMAGE, Graph

Run: TypeAlias = Callable[[Mapping[str, Array]], Sequence[Array]]
"""Inputs by name -> the outputs in the graph's order."""

LIMIT = 1e-4
"""How far outputs may be apart, times their largest magnitude."""
LEAST = 1e-2
"""Outputs all below this count as so large: what is left of sums that cancel has the error of their terms."""
FREE_AXIS = 64
"""Size given to an axis that the model leaves open; the first is given 1."""
SEED = 20260101
ENOUGH_S = 4.0
"""Time after which no further pair of runs is begun."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The largest difference that one engine saw, the input it is from, and what was allowed there."""

    engine: str
    signal: str
    max_abs: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether it is small enough; one that is not a number is not."""
        return self.max_abs <= self.limit


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Pairs of runs of one engine, graph before and after in turns; milliseconds.

    `ratio` is the median over the pairs of before / after, `low` and `high` are its quartiles.
    """

    engine: str
    pairs: int
    before_ms: float
    after_ms: float
    ratio: float
    low: float
    high: float

    @property
    def told(self) -> str:
        """In words, no bolder than the spread allows."""
        if self.low <= 1.0 <= self.high:
            return f"no difference beyond the spread ({self.ratio:.2f}, {self.low:.2f} to {self.high:.2f})"
        verb = "faster" if self.ratio > 1 else "slower"
        return f"{max(self.ratio, 1 / self.ratio):.2f} times {verb} ({self.low:.2f} to {self.high:.2f})"


def engines(model: onnx.ModelProto) -> dict[str, Run | str]:
    """Engine -> a function that runs `model` in it, or the reason why it cannot."""
    found: dict[str, Run | str] = {"float engine": _float_engine(model)}
    if importlib.util.find_spec("onnxruntime") is None:
        return found | {"ONNX Runtime": "it is not installed"}
    for name, optimised in (("ONNX Runtime, as written", False), ("ONNX Runtime, optimised", True)):
        found[name] = _onnxruntime(model, optimised)
    return found


def differences(before: onnx.ModelProto, after: onnx.ModelProto) -> tuple[list[Difference], dict[str, str]]:
    """What each engine that runs both graphs saw, and why the others did not.

    Raises ModelError where no engine runs both: then nothing is proven.
    """
    ours, theirs = engines(before), engines(after)
    signals = seeded(before)
    rows, refusals = [], {}
    for name, first in ours.items():
        second = theirs[name]
        if isinstance(first, str) or isinstance(second, str):
            refusals[name] = first if isinstance(first, str) else str(second)
            continue
        try:
            rows.append(_apart(name, first, second, signals))
        except ModelError as e:
            refusals[name] = str(e)
    if not rows:
        raise ModelError(f"no engine runs both graphs: {'; '.join(f'{k}: {v}' for k, v in refusals.items())}")
    return rows, refusals


def timings(
    before: onnx.ModelProto, after: onnx.ModelProto, pairs: int, among: Collection[str]
) -> list[Timing]:
    """Time both graphs in every engine called in `among`, in turns, so that both meet the same machine."""
    ours, theirs = engines(before), engines(after)
    noise = seeded(before)["noise"]
    rows = []
    for name, first in ours.items():
        second = theirs[name]
        if name in among and not isinstance(first, str) and not isinstance(second, str):
            rows.append(_timed(name, first, second, noise, pairs))
    return rows


def seeded(model: onnx.ModelProto) -> dict[str, dict[str, Array]]:
    """Signal -> inputs by name: noise, louder noise, zeros; the same on every machine."""
    weights = {tensor.name for tensor in model.graph.initializer}
    specs = [_spec(value) for value in model.graph.input if value.name not in weights]
    rng = np.random.default_rng(SEED)
    levels = {"noise": 1.0, "loud noise": 30.0, "zeros": 0.0}
    return {
        signal: {spec.name: _filled(rng, spec, level) for spec in specs} for signal, level in levels.items()
    }


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    except KeyError as e:
        raise ModelError(f"input {value.name!r} is no tensor of numbers") from e
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
    return TensorSpec(name=value.name, dtype=dtype, shape=shape)


def _filled(rng: np.random.Generator, spec: TensorSpec, level: float) -> Array:
    shape = [n if n >= 0 else (1 if axis == 0 else FREE_AXIS) for axis, n in enumerate(spec.shape)]
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        return np.asarray(level * rng.standard_normal(shape)).astype(kind)
    return np.asarray(rng.integers(0, 2, shape)).astype(kind)


def _float_engine(model: onnx.ModelProto) -> Run | str:
    try:
        engine = FloatEngine(Graph.from_onnx(model))
    except (ModelError, *DAMAGE) as e:
        return str(e)
    if any(n < 0 for spec in engine.inputs for n in spec.shape):
        return "the model has inputs of open size"

    def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
        outputs = engine.run(inputs)
        return [outputs[spec.name] for spec in engine.outputs]

    return run


def _onnxruntime(model: onnx.ModelProto, optimised: bool) -> Run | str:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as e:  # the runtime's errors share no base class
        return str(e).splitlines()[0]

    def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
        outputs: Sequence[Array] = session.run(None, dict(inputs))
        return outputs

    return run


def _apart(name: str, first: Run, second: Run, signals: Mapping[str, Mapping[str, Array]]) -> Difference:
    """The row of the signal that tells them apart most; raises ModelError where the graph before does not run."""
    rows = []
    for signal, inputs in signals.items():
        try:
            wanted = first(inputs)
        except Exception as e:  # the runtime's errors share no base class
            raise ModelError(f"it cannot run the graph on {signal}: {str(e).splitlines()[0]}") from e
        try:
            pairs = list(zip(wanted, second(inputs), strict=True))
        except Exception:  # what ran before and does not now is as different as can be
            return Difference(engine=name, signal=signal, max_abs=float("inf"), limit=LIMIT)
        largest = max((float(np.abs(a).max(initial=0.0)) for a, _ in pairs), default=0.0)
        apart = max((largest_difference(a, b) for a, b in pairs), default=0.0)
        rows.append(Difference(engine=name, signal=signal, max_abs=apart, limit=limit_of(largest)))
    return max(rows, key=lambda row: row.max_abs / row.limit)


def limit_of(largest: float) -> float:
    """How far outputs may be apart whose largest magnitude is `largest`."""
    return LIMIT * max(LEAST, largest)


def largest_difference(a: Array, b: Array) -> float:
    """max |a - b|; infinite where shapes differ or a value is not finite."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a.astype(np.float64) - b).max(initial=0.0))


def _timed(name: str, first: Run, second: Run, inputs: Mapping[str, Array], pairs: int) -> Timing:
    for run in (first, second):
        run(inputs)
    took: tuple[list[float], list[float]] = ([], [])
    begun = time.perf_counter()
    for i in range(pairs):
        # Who goes first changes: what the first run leaves in the caches is no gain of the second.
        for side in (0, 1) if i % 2 else (1, 0):
            started = time.perf_counter()
            (first, second)[side](inputs)
            took[side].append(1e3 * (time.perf_counter() - started))
        if time.perf_counter() - begun > ENOUGH_S:
            break
    ratios = np.asarray(took[0]) / np.asarray(took[1])
    low, middle, high = (float(value) for value in np.percentile(ratios, [25, 50, 75]))
    return Timing(
        engine=name,
        pairs=len(ratios),
        before_ms=float(np.median(took[0])),
        after_ms=float(np.median(took[1])),
        ratio=middle,
        low=low,
        high=high,
    )

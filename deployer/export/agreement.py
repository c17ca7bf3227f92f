"""Checks of an exported model that run it: against the network it came from, on silence, on wrong sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx
import onnxruntime as ort

from board_runner import models
from board_runner.contract import Array, InputContract
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import DAMAGE, Graph
from deployer.export.checks import Check, Graphs, row

Reference: TypeAlias = Callable[[Array], Sequence[Array]]
"""The network itself: the contract's float32 input -> every output, in the contract's order."""

SEED = 20260101
SILENCE = "silence"
IN_RUNNER = 5
"""So many inputs are run by the float engine too: it is slower than ONNX Runtime."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far an export may be from its network. `max_abs` grows with the logits once these exceed 1."""

    max_abs: float = 1e-4
    cosine: float = 0.99999


def front_end(samples: Array, contract: InputContract) -> Array:
    """Mono samples (n,) at the contract's rate -> the model's input, by the runner's own front end.

    Raises InputError for an empty or many-channelled clip.
    """
    [inputs] = models.get(contract.model).chunks(np.asarray(samples, dtype=np.float32), contract)
    return inputs[contract.inputs[0].name]


def seeded_inputs(contract: InputContract) -> dict[str, Array]:
    """Name -> input: signals unlike each other, the same on every machine, ready for the model."""
    n = int(contract.front_end["samples"])
    noise = np.random.default_rng(SEED)
    t = np.arange(n) / contract.sample_rate_hz
    clicks = np.where(np.arange(n) % max(n // 7, 1) == 0, 1.0, 0.0)
    burst = np.where(np.arange(n) < n // 5, noise.standard_normal(n), 0.0)
    signals = {
        "noise": noise.standard_normal(n),
        "sweep": np.sin(2 * np.pi * (50 * t + 900 * t * t)),
        "clicks": clicks,
        "burst": burst,
        SILENCE: np.zeros(n),
    }
    return {name: front_end(signal, contract) for name, signal in signals.items()}


def run_checks(
    graphs: Graphs, contract: InputContract, reference: Reference, inputs: Mapping[str, Array], limits: Limits
) -> list[Check]:
    """Every check of this module; `inputs` are what `seeded_inputs` and `front_end` give, by name."""
    rows = []
    expected = _told_apart({name: reference(value) for name, value in inputs.items()}, contract)
    for name, model in graphs.items():
        try:
            session = _session(model.SerializeToString())
            outputs = _told_apart(
                {key: _run(session, contract, value) for key, value in inputs.items()}, contract
            )
        except Exception as e:  # the runtime's errors share no base class
            rows.append(Check(name=f"{name} runs", passed=False, detail=str(e).splitlines()[0]))
            continue
        rows += [
            _agreement(name, expected, outputs, limits),
            _finite(name, expected, outputs),
            _rejects(name, session, contract),
        ]
    name, model = list(graphs.items())[-1]
    few = dict(list(inputs.items())[:IN_RUNNER])
    return [*rows, _in_runner(name, model, contract, few, expected=expected, limits=limits)]


def _told_apart(outputs: Mapping[str, Sequence[Array]], contract: InputContract) -> dict[str, Array]:
    """`noise` -> its output; where a model has several, `noise, embedding` and so on, each for itself."""
    if len(contract.outputs) == 1:
        return {key: values[0] for key, values in outputs.items()}
    return {
        f"{key}, {spec.name}": value
        for key, values in outputs.items()
        for spec, value in zip(contract.outputs, values, strict=True)
    }


def _in_runner(
    name: str,
    model: onnx.ModelProto,
    contract: InputContract,
    inputs: Mapping[str, Array],
    *,
    expected: Mapping[str, Array],
    limits: Limits,
) -> Check:
    """The float engine, which is what goes on from here, beside the network."""
    names = [spec.name for spec in contract.outputs]
    try:
        engine = FloatEngine(Graph.from_onnx(model))
        ran = {key: engine.run({contract.inputs[0].name: value}) for key, value in inputs.items()}
        outputs = _told_apart({key: [out[n] for n in names] for key, out in ran.items()}, contract)
    except (ModelError, *DAMAGE) as e:
        return Check(name=f"{name} runs in the float engine", passed=False, detail=str(e))
    wanted = {key: expected[key] for key in outputs}
    agreed = _agreement(name, wanted, outputs, limits)
    return Check(name=f"{name} agrees in the float engine", passed=agreed.passed, detail=agreed.detail)


def _session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # refusals are asked for here; the runtime would print each
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, contract: InputContract, value: Array) -> list[Array]:
    names = [spec.name for spec in contract.outputs]
    return list(session.run(names, {contract.inputs[0].name: value}))


def _agreement(
    model: str, expected: Mapping[str, Array], outputs: Mapping[str, Array], limits: Limits
) -> Check:
    """Largest difference and least cosine over all inputs, each with the input it is from."""
    apart = {key: _difference(expected[key], outputs[key]) for key in expected}
    alike = {key: _cosine(expected[key], outputs[key]) for key in expected}
    scale = max(1.0, *(float(np.abs(value).max()) for value in expected.values()))
    ranked = [key for key in expected if expected[key].ndim == 2]  # one vector; maps over time have ties
    same = [key for key in ranked if expected[key].argmax() == outputs[key].argmax()]
    far, odd = max(apart, key=apart.__getitem__), min(alike, key=alike.__getitem__)
    detail = (
        f"max abs {apart[far]:.3g} ({far}), limit {limits.max_abs * scale:.3g}; "
        f"cosine {alike[odd]:.7f} ({odd}), limit {limits.cosine}; "
        f"top-1 {len(same)} of {len(ranked)}"
    )
    passed = apart[far] <= limits.max_abs * scale and alike[odd] >= limits.cosine and len(same) == len(ranked)
    return Check(name=f"{model} agrees with the network", passed=passed, detail=detail)


def _difference(a: Array, b: Array) -> float:
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a.astype(np.float64) - b).max())


def _cosine(a: Array, b: Array) -> float:
    if _difference(a, b) == float("inf"):
        return -1.0
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / size if size > 0 else float(np.array_equal(x, y))


def _finite(model: str, expected: Mapping[str, Array], outputs: Mapping[str, Array]) -> Check:
    faults = [
        f"{who} is not finite on {key}"
        for who, values in (("the network", expected), ("the model", outputs))
        for key, value in values.items()
        if not np.isfinite(value).all()
    ]
    return row(f"{model} finite, silence included", faults, f"on {len(outputs)} inputs")


def _rejects(model: str, session: ort.InferenceSession, contract: InputContract) -> Check:
    """A static model that swallows another size gives an answer to a question nobody asked."""
    batch, *middle, n = contract.inputs[0].shape
    faults, sizes = [], [(batch, *middle, n // 2), (batch, *middle, n + 1), (batch + 1, *middle, n)]
    for shape in sizes:
        try:
            _run(session, contract, np.zeros(shape, dtype=np.float32))
        except Exception:  # any refusal will do; the runtime's errors share no base class
            continue
        faults.append(f"runs on {list(shape)}")
    return row(f"{model} rejects other sizes", faults, ", ".join(str(list(shape)) for shape in sizes))

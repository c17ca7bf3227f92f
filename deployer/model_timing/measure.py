"""One size of one model: PyTorch, ONNX Runtime and the float engine in turns, on one thread, and the way in."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.float_engine import FloatEngine
from board_runner.models.base import AudioModel, run_model
from deployer import catalogue
from deployer.comparison.onnx_engine import OrtEngine
from deployer.errors import CheckFailed
from deployer.events import Advanced, Emit, Finished, Started, ignore
from deployer.export.requirements import require_tools
from deployer.model_timing.report import Row, TimingReport

STEP = "bench"
TORCH, ONNX, FLOAT = "torch", "onnxruntime", "float"
AGREEMENT = 1e-3
"""Largest difference from an output of PyTorch's, by the largest number in that."""

CLIP_S = 2.0
"""Length of the clip where a model takes any."""


def all_models(*, runs: int, wanted: Sequence[str] = (), emit: Emit = ignore) -> TimingReport:
    """Time every size, or those of the models in `wanted`, `runs` times by each engine.

    Raises UsageError without the extra [export] or for an unknown model, CheckFailed where engines disagree.
    """
    require_tools()
    from deployer.export import untrained

    for model in wanted:
        models.get(model)
    sizes = [(model, size) for model, size in untrained.names() if not wanted or model in wanted]
    emit(Started(step=STEP, total=len(sizes), unit="networks"))
    rows = []
    with untrained.one_thread(), tempfile.TemporaryDirectory() as folder:
        for done, (model, size) in enumerate(sizes, 1):
            rows.append(_row(model, size, Path(folder), runs))
            emit(Advanced(step=STEP, done=done, total=len(sizes), note=f"{model} {size}"))
    emit(Finished(step=STEP, note=f"{len(rows)} networks, {runs} runs of each by each engine"))
    return TimingReport.of(rows, runs)


def _row(model: str, size: str, folder: Path, runs: int) -> Row:
    from deployer.export import untrained

    made = untrained.make(model, size)
    path = folder / f"{model}-{size}.onnx"
    onnx.save_model(made.onnx, str(path))
    module, contract = models.get(model), made.contract
    wav = _clip(folder / f"{model}-{size}.wav", contract)
    engines: Mapping[str, Callable[[Tensors], Tensors]] = {
        TORCH: made.run,
        ONNX: OrtEngine(path).run,
        FLOAT: FloatEngine.load(path).run,
    }
    chunks = _chunks(module, FloatEngine.load(path), contract, wav)
    apart = {name: _apart(engines[name], engines[TORCH], chunks, f"{model} {size}") for name in (ONNX, FLOAT)}
    sides = {name: _over(run, chunks) for name, run in engines.items()}
    sides["features"] = lambda: list(module.chunks(_samples(wav, contract), contract))
    taken = _in_turns(sides, runs)
    facts = next(v for v in catalogue.of(model).variants if v.name == size)
    return Row(
        model=model,
        size=size,
        parameters=facts.parameters,
        multiplications=facts.multiplications,
        chunks=len(chunks),
        load_and_features_ms=taken.pop("features"),
        invoke_ms=taken,
        apart=apart,
    )


def _clip(path: Path, contract: InputContract) -> Path:
    """A wav of seeded noise: 16 bits, as long as the model takes."""
    import soundfile

    count = int(contract.front_end.get("samples", CLIP_S * contract.sample_rate_hz))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, count)
    soundfile.write(path, noise, contract.sample_rate_hz, subtype="PCM_16")
    return path


class _Kept:
    """An `Engine` that keeps what it is given."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self.given: list[Tensors] = []

    def run(self, inputs: Tensors) -> Tensors:
        self.given.append(dict(inputs))
        return self._engine.run(inputs)


def _chunks(module: AudioModel, engine: Engine, contract: InputContract, wav: Path) -> list[Tensors]:
    """The inputs of every run of one clip, carried state included."""
    kept = _Kept(engine)
    run_model(module, kept, _samples(wav, contract), contract)
    return kept.given


def _samples(wav: Path, contract: InputContract) -> Array:
    return audio.require(audio.read_wav(wav), contract.sample_rate_hz)


def _over(run: Callable[[Tensors], Tensors], chunks: Sequence[Tensors]) -> Callable[[], object]:
    return lambda: [run(chunk) for chunk in chunks]


def _apart(
    run: Callable[[Tensors], Tensors],
    truth: Callable[[Tensors], Tensors],
    chunks: Sequence[Tensors],
    what: str,
) -> float:
    """The largest difference between two engines; raises CheckFailed where it says that one is wrong."""
    apart = 0.0
    for chunk in chunks:
        wanted, made = truth(chunk), run(chunk)
        for name, value in wanted.items():
            difference = float(np.abs(value - made[name]).max()) / (float(np.abs(value).max()) or 1.0)
            if not difference <= AGREEMENT:
                raise CheckFailed(
                    f"{what}: output {name!r} differs by {difference:.3g} of its largest from PyTorch's"
                )
            apart = max(apart, difference)
    return apart


def _in_turns(sides: Mapping[str, Callable[[], object]], runs: int) -> dict[str, tuple[float, ...]]:
    """Milliseconds of every side, one after the other in each round: what slows the machine slows all. The first
    round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs + 1):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            taken[name].append(1000 * (time.perf_counter() - started))
    return {name: tuple(values[1:]) for name, values in taken.items()}

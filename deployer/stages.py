"""The stages of a model, and what each gives for a set of clips."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner.contract import Array, InputContract
from board_runner.engine import Engine
from board_runner.errors import UsageError
from deployer import artifacts, shell
from deployer.artifacts import Artifacts
from deployer.compare import StageOutputs
from deployer.conversion import staging
from deployer.conversion.tool_run import last_words
from deployer.events import Advanced, Emit, Finished, Logged, Started
from deployer.scheduler import InProcess, Scheduler
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import commands, dumps
from toolchain_wrappers.sigmastar.commands import Tree

NAMES = ("torch", "onnx", "float", "fixed", "offline", "board")
SIMULATED = {"float": artifacts.FLOAT, "fixed": artifacts.FIXED, "offline": artifacts.IMAGE}

Tensors = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What the toolchain's simulator needs, whichever stage it runs."""

    tree: Tree
    artifacts: Artifacts
    contract: InputContract
    idle_timeout_s: float = 1800.0


def simulate(stage: str, simulation: Simulation, clips: Tensors, *, emit: Emit) -> StageOutputs:
    """Run one stage by the toolchain's simulator, in a folder of its own, and read its text dumps.

    A missing or short dump is a ToolchainError, whatever the exit status.
    """
    model = simulation.artifacts.path(SIMULATED[stage])
    with tempfile.TemporaryDirectory(prefix="deploy-simulate-") as temporary:
        work = Path(temporary)
        staged = staging.stage(work / "data", clips.items(), suffix=".npy").files
        _run(stage, simulation, model, work, emit=emit)
        outputs = {name: _read(work, model, path, simulation.contract) for name, path in staged.items()}
    emit(Finished(step=stage, note=f"{len(outputs)} clips"))
    return StageOutputs(stage=stage, detail=f"simulator.py on {model.name}", outputs=outputs)


def _run(stage: str, simulation: Simulation, model: Path, work: Path, *, emit: Emit) -> None:
    emit(Started(step=stage, total=100, unit="%"))

    def on_line(line: str) -> None:
        percent = commands.percent(line)
        if percent is not None:
            emit(Advanced(step=stage, done=int(percent), total=100, note="simulating"))
        elif text := commands.plain(line):
            emit(Logged(step=stage, line=text))

    ran = shell.stream(
        commands.simulator(
            simulation.tree,
            model=model,
            data=work / "data",
            preprocess=simulation.artifacts.path(artifacts.DATA),
            chip=simulation.artifacts.chip,
            work=work,
        ),
        cwd=work,
        log=work / "simulator.log",
        on_line=on_line,
        idle_timeout_s=simulation.idle_timeout_s,
    )
    clips = len(list((work / "data").iterdir()))
    dumped = len(list((work / "log" / "output").glob("*.txt")))
    if ran.exit_status != 0 or dumped != clips:
        raise ToolchainError(
            f"the {stage} simulator ended with exit status {ran.exit_status} and wrote {dumped} of {clips} "
            f"outputs: {last_words(ran.log.read_text(encoding='utf-8', errors='replace').splitlines())}",
            hint="`deploy compare-sim -v` shows all it prints",
        )


def _read(work: Path, model: Path, data: Path, contract: InputContract) -> dict[str, Array]:
    path = work / "log" / "output" / commands.dump_name(model, data)
    if not path.is_file():
        raise ToolchainError(f"the simulator wrote no {path.name}")
    try:
        tensors = {tensor.name: tensor.values for tensor in dumps.parse(path.read_text(encoding="utf-8"))}
    except ToolchainError as e:
        raise ToolchainError(f"{path.name}: {e}") from e
    wanted = [spec.name for spec in contract.outputs]
    if sorted(tensors) != sorted(wanted):
        raise ToolchainError(f"{path.name}: holds {sorted(tensors)}, the model's outputs are {wanted}")
    return {name: tensors[name] for name in wanted}


def run_engine(
    stage: str,
    engine: Engine,
    clips: Tensors,
    *,
    detail: str,
    emit: Emit,
    scheduler: Scheduler = InProcess(),  # noqa: B008  it has no state
) -> StageOutputs:
    """Run one stage by its engine, a clip a shard."""
    name = engine.inputs[0].name
    emit(Started(step=stage, total=len(clips), unit="clips"))
    outputs: dict[str, Tensors] = {}
    results = scheduler.map(lambda tensor: engine.run({name: tensor}), clips.values())
    for done, (clip, tensors) in enumerate(zip(clips, results, strict=True), start=1):
        outputs[clip] = tensors
        emit(Advanced(step=stage, done=done, total=len(clips), note=clip))
    emit(Finished(step=stage, note=f"{len(outputs)} clips"))
    return StageOutputs(stage=stage, detail=detail, outputs=outputs)


def onnx_engine(path: Path) -> tuple[Engine, str]:
    """ONNX Runtime where it is installed, else our own interpreter; and which of them it is."""
    try:
        import onnxruntime
    except ImportError:
        from board_runner.float_engine import FloatEngine

        return FloatEngine.load(path), "deploy's own interpreter (onnxruntime is not installed)"
    return OrtEngine(path), f"ONNX Runtime {onnxruntime.__version__}"


class OrtEngine:
    """An `Engine` over ONNX Runtime on the CPU, one thread."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        from board_runner.graph import Graph

        graph = Graph.load(path)
        self.inputs, self.outputs = graph.inputs, graph.outputs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Outputs by name. Raises ModelError for inputs not the model's."""
        for spec in self.inputs:
            spec.check(inputs[spec.name])
        names = [spec.name for spec in self.outputs]
        values = self._session.run(names, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def check_names(names: Sequence[str]) -> None:
    """At least two different, known stages. Raises UsageError."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UsageError(f"no stage {unknown[0]!r}", hint=f"stages: {', '.join(NAMES)}")
    if len(set(names)) != len(names) or len(names) < 2:
        raise UsageError(
            "a comparison needs two or more different stages", hint=f"stages: {', '.join(NAMES)}"
        )

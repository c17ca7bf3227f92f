"""Two stages of a project compared by layers: what is needed, what is refused, and the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from board_runner import engine
from board_runner.contract import Array
from board_runner.engine import Engine
from board_runner.errors import ModelError, UsageError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.integer.engine import IntegerEngine
from board_runner.integer.layers import Layers
from deployer import artifacts
from deployer.convert import model_input
from deployer.events import Emit, ignore
from deployer.layers import analysis, disk
from deployer.layers.analysis import Pair
from deployer.layers.disk import Need
from deployer.layers.dumped import DumpStage, work_parent
from deployer.layers.files import Keeper
from deployer.layers.report import LayerReport
from deployer.layers.shown import EngineStage, LayerStage
from deployer.project import Project

STAGES = {"float": artifacts.FLOAT, "fixed": artifacts.FIXED, "offline": artifacts.IMAGE}

_REFUSED = {
    "board": ("a board shows no layers", "compare with `fixed`: the same arithmetic, on this host"),
    "torch": ("PyTorch shows no layers by the names of the ONNX model", "compare with `onnx`"),
}


@dataclass(frozen=True, kw_only=True)
class LayerRequest:
    """`clips` is how many of `wavs`, from the first on; no wavs stand for the project's own clips.

    `keep` is a folder for tensors.
    """

    reference: str
    candidate: str
    clips: int = 1
    keep: Path | None = None
    wavs: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """A comparison that can be run, and the disk that it needs; `unsized` layers have no stated shape."""

    pair: Pair
    wavs: tuple[Path, ...]
    keep: Path | None
    needs: tuple[Need, ...]
    unsized: int


def plan(project: Project, request: LayerRequest, *, emit: Emit = ignore) -> LayerPlan:
    """What a request comes to; runs nothing.

    Raises UsageError for a stage that shows no layers and for clips that are not there, MissingArtifact.
    """
    if request.reference == request.candidate:
        raise UsageError("a comparison by layers needs two different stages")
    wavs = request.wavs or tuple(project.clips)
    if not 1 <= request.clips <= len(wavs):
        raise UsageError(f"--layer-clips {request.clips}: there are {len(wavs)} clips")
    pair = Pair(
        reference=_stage(project, request.reference, emit),
        candidate=_stage(project, request.candidate, emit),
        input_name=project.contract.inputs[0].name,
        sources=_graph_sources(Graph.load(project.onnx)),
    )
    pair = _with_layers(pair, _loaded(project, request.candidate))
    sizes = disk.tensor_sizes(project.onnx)
    dumping = sum(isinstance(stage, DumpStage) for stage in (pair.reference, pair.candidate))
    return LayerPlan(
        pair=pair,
        wavs=wavs[: request.clips],
        keep=request.keep,
        needs=disk.needs(
            sizes,
            dumping=dumping,
            dump_folder=work_parent(project.toolchain.tools),
            clips=request.clips,
            keep=request.keep,
            kept=2 if pair.alone is None else 3,
        ),
        unsized=sizes.unknown,
    )


def run(project: Project, planned: LayerPlan, *, emit: Emit = ignore) -> LayerReport:
    """Compare, after the disk was found to be large enough. Raises UsageError where it is not."""
    disk.check(planned.needs)
    clips = _Clips(project, planned.wavs)
    keep = Keeper(planned.keep) if planned.keep is not None else None
    return analysis.analyse(planned.pair, clips, emit=emit, keep=keep)


class _Clips(Mapping[str, Array]):
    """The model's input by clip name, made when it is asked for."""

    def __init__(self, project: Project, wavs: Sequence[Path]) -> None:
        self._project = project
        self._wavs = {wav.name: wav for wav in wavs}

    def __getitem__(self, name: str) -> Array:
        return model_input(self._project.model, self._project.contract, self._wavs[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._wavs)

    def __len__(self) -> int:
        return len(self._wavs)


def _stage(project: Project, name: str, emit: Emit) -> LayerStage:
    if name in _REFUSED:
        what, cure = _REFUSED[name]
        raise UsageError(f"{name}: {what}", hint=cure)
    if name == "onnx":
        detail = f"our own float engine on {project.onnx.name}"
        return EngineStage(name, FloatEngine.load(project.onnx), detail=detail)
    if name not in STAGES:
        raise UsageError(f"no stage {name!r}", hint="with --layers: onnx, float, fixed, offline")
    made = artifacts.load(project.artifacts_dir)
    if name == "offline":
        found = _ours(made.image)
        if not isinstance(found, IntegerEngine):
            raise UsageError(
                "offline: the vendor's tools cannot dump the layers of an image",
                hint="compare with `fixed`, which gives the same outputs",
            )
        return EngineStage(name, found, detail=f"our own runner on {made.image.name}")
    return DumpStage(
        stage=name,
        model=made.path(STAGES[name]),
        preprocess=made.path(artifacts.DATA),
        tools=project.toolchain.tools,
        chip=made.chip,
        emit=emit,
        stall_timeout_s=project.deployment.settings.toolchain.stall_timeout_s,
    )


def _loaded(project: Project, name: str) -> Engine | None:
    if name == "onnx":
        return FloatEngine.load(project.onnx)
    return _ours(artifacts.load(project.artifacts_dir).path(STAGES[name]))


def _ours(path: Path) -> Engine | None:
    """The engine for one of our own files; None for a vendor's."""
    try:
        return engine.load(path)
    except ModelError:
        return None


def _with_layers(pair: Pair, candidate: Engine | None) -> Pair:
    """What is known of the candidate's layers: run alone, and what each reads."""
    if isinstance(candidate, IntegerEngine):
        layers = Layers(candidate.program)
        read = {name: layers.sources(name) for name in layers.names}
        return replace(pair, alone=layers, sources={**pair.sources, **read})
    if candidate is None:
        why = f"single errors need our own runner, and {pair.candidate.stage} is not a model of ours"
    else:
        why = f"{pair.candidate.stage} is not quantised: a layer alone gives what the reference gives"
    return replace(pair, no_single=why)


def _graph_sources(graph: Graph) -> Mapping[str, Sequence[str]]:
    """Tensor -> the activations that make it."""
    return {
        output: [name for name in node.inputs if name and name not in graph.initializers]
        for node in graph.nodes
        for output in node.outputs
    }

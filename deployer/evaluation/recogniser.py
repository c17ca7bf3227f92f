"""WeNet's graphs as one stage: there is no one model, the encoder and CTC run joined."""

from __future__ import annotations

from dataclasses import dataclass

from board_runner.contract import InputContract
from board_runner.engine import Engine
from board_runner.errors import UsageError
from board_runner.graph import Graph
from board_runner.models import wenet
from deployer import artifacts
from deployer.comparison.onnx_engine import OnnxMaker
from deployer.comparison.sources import StageSource, model_need
from deployer.errors import MissingArtifact
from deployer.project import Project

_GRAPHS = ("encoder", "ctc")


@dataclass(frozen=True, kw_only=True)
class JoinedMaker:
    """Loads both graphs, in whatever process."""

    encoder: OnnxMaker
    ctc: OnnxMaker

    def __call__(self) -> Engine:
        return wenet.Joined(self.encoder(), self.ctc())


def source(project: Project, stage: str) -> tuple[StageSource, InputContract]:
    """The stage, and the contract of the exported encoder.

    Raises UsageError for a stage other than `onnx`, MissingArtifact where the graphs were not exported.
    """
    if stage != "onnx":
        raise UsageError(
            f"{project.model_name} has no stage {stage} here: its stage is onnx",
            hint=f"`deploy export --model {project.model_name} --static 16 4` and `deploy convert` make the others",
        )
    paths = [project.exported_dir / f"{project.model_name}_{graph}.onnx" for graph in _GRAPHS]
    for path in paths:
        if not path.is_file():
            raise MissingArtifact(f"no graph at {path}", hint="`deploy export` makes it")
    encoder, ctc = (OnnxMaker(path=path) for path in paths)
    digests = [artifacts.sha256(path) for path in paths]
    found = StageSource(
        name=stage,
        detail=f"{' and '.join(_GRAPHS)} in {encoder.detail}",
        model_sha256=" ".join(digests),
        make=JoinedMaker(encoder=encoder, ctc=ctc),
        needs=tuple(model_need(path, digest) for path, digest in zip(paths, digests, strict=True)),
    )
    contract = Graph.load(paths[0]).contract
    if contract is None:
        raise MissingArtifact(f"{paths[0]} carries no contract", hint="`deploy export` writes it")
    return found, contract

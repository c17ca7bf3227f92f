"""What computes a stage of a project: an engine or the toolchain's simulator, and all that decides its outputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from board_runner import engine
from board_runner.engine import Engine
from board_runner.errors import UsageError
from deployer import artifacts
from deployer.comparison import stages
from deployer.comparison.onnx_engine import OnnxMaker
from deployer.comparison.stages import Maker, Simulation
from deployer.conversion.job import toolchain_identity
from deployer.errors import ConfigError
from deployer.project import Project
from deployer.scheduling.shard import Need


@dataclass(frozen=True, kw_only=True)
class StageSource:
    """One stage but the board's: `make` loads its engine, or `simulation` is what its simulator needs.

    `model_sha256` is of the model file (of a checkpoint: of its files' hashes), `tools` the identity of the
    vendor's tree; `needs` is what another machine must have to compute it.
    """

    name: str
    detail: str
    model_sha256: str
    make: Maker | None = None
    simulation: Simulation | None = None
    tools: str = ""
    chip: str = ""
    needs: tuple[Need, ...] = ()

    @property
    def key(self) -> str:
        """The hash of all that decides the outputs but the clips."""
        decides = (self.name, self.detail, self.model_sha256, self.tools, self.chip)
        return hashlib.sha256("\n".join(decides).encode()).hexdigest()


def of(project: Project, name: str) -> StageSource:
    """The stage `name`, not `board`. Raises MissingArtifact or ConfigError where what it runs is not there."""
    if name in stages.SIMULATED:
        return _simulated(project, name) if project.static is None else _streamed(project, name)
    if name == "onnx":
        path = project.static or project.onnx
        maker = OnnxMaker(path=path)
        digest = artifacts.sha256(path)
        return StageSource(
            name=name,
            detail=maker.detail,
            model_sha256=digest,
            make=maker,
            needs=(model_need(path, digest),),
        )
    from deployer.export.engine import TorchMaker

    folder = checkpoint(project)
    digest = _digest(folder)
    return StageSource(
        name=name,
        detail=f"PyTorch on {folder.name}",
        model_sha256=digest,
        make=TorchMaker(folder=folder, contract=project.contract),
        needs=(Need(name="the checkpoint", look=_digest, place=folder, expected=digest),),
    )


@dataclass(frozen=True, kw_only=True)
class FileMaker:
    """One of our own model files, in this process."""

    path: Path

    def __call__(self) -> Engine:
        return engine.load(self.path)


def _streamed(project: Project, name: str) -> StageSource:
    """A model with carried state: a simulator's texts would be a start of it for every chunk."""
    converted = artifacts.load(project.artifacts_dir)
    path = converted.path(stages.SIMULATED[name])
    digest = artifacts.sha256(path)
    return StageSource(
        name=name,
        detail=f"deploy's own engine on {path.name}, chunk by chunk",
        model_sha256=digest,
        make=FileMaker(path=path),
        chip=converted.chip,
        needs=(model_need(path, digest),),
    )


def model_need(path: Path, sha256: str) -> Need:
    """A model file, by content."""
    return Need(name="the model", look=artifacts.sha256, place=path, expected=sha256)


def checkpoint(project: Project) -> Path:
    """The trainer's folder. Raises ConfigError where none is configured, UsageError for a model with state."""
    if project.static is not None:
        raise UsageError(
            f"{project.model_name} has no stage torch here",
            hint="its stages are onnx, float, fixed, offline",
        )
    folder = project.deployment.settings.model.checkpoint
    if folder is None:
        raise ConfigError("the stage torch needs a checkpoint", hint="set model.checkpoint in deploy.yaml")
    return project.deployment.resolve(folder)


def _simulated(project: Project, name: str) -> StageSource:
    converted = artifacts.load(project.artifacts_dir)
    simulation = Simulation(
        tools=project.toolchain.tools,
        artifacts=converted,
        contract=project.contract,
        stall_timeout_s=project.deployment.settings.toolchain.stall_timeout_s,
    )
    model = simulation.model(name)
    digest, script = artifacts.sha256(model), converted.path(artifacts.DATA)
    return StageSource(
        name=name,
        detail=f"simulator.py on {model.name}",
        model_sha256=digest,
        simulation=simulation,
        tools=toolchain_identity(project.toolchain.tree),
        chip=converted.chip,
        needs=(model_need(model, digest), model_need(script, artifacts.sha256(script))),
    )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(artifacts.sha256(path).encode())
    return digest.hexdigest()

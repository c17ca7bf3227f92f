"""`compare-sim`: run the asked stages on every clip and hold neighbours against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from board_runner.engine import Engine
from deployer import artifacts, compare, stages
from deployer.compare import Comparison, Limits, StageOutputs, Verdict
from deployer.convert import model_inputs
from deployer.errors import CheckFailed, ConfigError
from deployer.events import Emit
from deployer.project import Project
from deployer.stages import Simulation


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One comparison and what the limits say of it."""

    comparison: Comparison
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Every stage against the one before it, in the order asked for, and against the first."""

    stages: tuple[StageOutputs, ...]
    judged: tuple[Judged, ...]

    def raise_failure(self) -> None:
        """Raise CheckFailed when a limit does not hold."""
        for judged in self.judged:
            if not judged.verdict.passed:
                pair = f"{judged.comparison.candidate} against {judged.comparison.reference}"
                raise CheckFailed(
                    f"{pair}: {'; '.join(judged.verdict.failures)}; worst clip {judged.comparison.worst_clip}",
                    hint="`limits:` in deploy.yaml; `toolchain.conv_input_format: ALL_INT16` is more exact",
                )


def compare_stages(
    project: Project, names: Sequence[str], *, board: Callable[[], StageOutputs], emit: Emit
) -> Compared:
    """Run the stages in the order asked for and compare; `board` runs the clips on a board, if it is asked for.

    Raises UsageError, MissingArtifact, ToolchainError before anything runs where that can be known.
    """
    stages.check_names(names)
    settings = project.deployment.settings.limits
    simulated = [name for name in names if name in stages.SIMULATED]
    converted = artifacts.load(project.artifacts_dir) if simulated else None
    clips = model_inputs(project.model, project.contract, project.clips)
    outputs: list[StageOutputs] = []
    for name in names:
        if name == "board":
            outputs.append(board())
        elif converted is not None and name in stages.SIMULATED:
            simulation = Simulation(tree=project.tree, artifacts=converted, contract=project.contract)
            outputs.append(stages.simulate(name, simulation, clips, emit=emit))
        else:
            engine, detail = _engine(project, name)
            outputs.append(stages.run_engine(name, engine, clips, detail=detail, emit=emit))
    return judge(outputs, Limits(**settings.model_dump()))


def _engine(project: Project, name: str) -> tuple[Engine, str]:
    if name == "onnx":
        return stages.onnx_engine(project.onnx)
    checkpoint = project.deployment.settings.model.checkpoint
    if checkpoint is None:
        raise ConfigError("the stage torch needs a checkpoint", hint="set model.checkpoint in deploy.yaml")
    from deployer.export.engine import TorchEngine

    folder = project.deployment.resolve(checkpoint)
    return TorchEngine(folder, project.contract), f"PyTorch on {folder.name}"


def judge(outputs: Sequence[StageOutputs], limits: Limits) -> Compared:
    """Compare neighbours, and the last with the first when there are more than two."""
    pairs = list(itertools.pairwise(outputs))
    if len(outputs) > 2:
        pairs.append((outputs[0], outputs[-1]))
    comparisons = [compare.compare(reference, candidate) for reference, candidate in pairs]
    return Compared(
        stages=tuple(outputs),
        judged=tuple(Judged(comparison=c, verdict=compare.verdict(c, limits)) for c in comparisons),
    )

"""A single run on a board as a record of the history, beside the benches."""

from __future__ import annotations

from collections.abc import Sequence

from board_runner.errors import DeployError
from deployer import __version__, prepare
from deployer.board import facts as board_facts
from deployer.board.base import BoardFacts
from deployer.board.config import BoardConfig
from deployer.board.files import digests
from deployer.events import Emit, Warned
from deployer.project import Project
from deployer.push import BoardFile
from deployer.records import Answer, BoardInfo, Failure, RunRecord, Sample

STEP = "run"


def keep(
    project: Project,
    config: BoardConfig,
    files: Sequence[BoardFile],
    begun: tuple[str, str],
    outcomes: Sequence[Sample | Failure],
    *,
    answer: Answer | None = None,
    emit: Emit,
) -> str | None:
    """Keep what a run gave; its id, or None where this machine does not keep it, which is a warning.

    `begun` is `records.new_id`. What is known of the board is what it said before: it is not asked again for this.
    """
    run_id, created = begun
    placed = project.program_on(config)
    clips = {outcome.clip for outcome in outcomes}
    targets = {clip: prepare.target_of(clip) for clip in clips}
    record = RunRecord(
        id=run_id,
        kind="run",
        created=created,
        model=project.model_name,
        board=board_info(config, board_facts.remembered(config) or BoardFacts()),
        labels=tuple(project.labels),
        targets={clip: target for clip, target in targets.items() if target is not None},
        sha256={
            str(file.name): digests.both(file.source)[0]
            for file in files
            if file.name.suffix != ".wav" or file.name.name in clips
        },
        settings={
            "timeout_s": placed.timeout_s,
            "argv": " ".join(placed.argv("CLIP")),
            "directory": str(placed.directory),
            "chip": project.deployment.settings.chip,
        },
        samples=tuple(outcome for outcome in outcomes if isinstance(outcome, Sample)),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        answers=(answer,) if answer is not None else (),
        tool_version=__version__,
    )
    try:
        project.history(emit).add(record)
    except (DeployError, OSError) as e:
        emit(Warned(step=STEP, message=f"not kept in the history: {e}"))
        return None
    return run_id


def board_info(config: BoardConfig, facts: BoardFacts) -> BoardInfo:
    """What a record keeps of a board."""
    return BoardInfo(
        name=config.name,
        address=config.address,
        machine=facts.machine,
        chip=facts.chip or config.chip,
        kernel=facts.kernel,
        temperature_c=facts.temperature_c,
    )

"""The checks in their order, and the first cause that one of them proves."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from board_runner.errors import DeployError
from deployer import at_work
from deployer.board.base import Board
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.comparison import board_stage
from deployer.errors import CheckFailed
from deployer.events import Emit, ignore
from deployer.explaining import (
    answers,
    contents,
    dequantisation,
    input_contract,
    kept_scores,
    label_order,
    on_board,
    origin,
    replay,
    scores,
    staleness,
)
from deployer.explaining.case import Case, from_record, names_of, on_host
from deployer.explaining.finding import Check, Finding
from deployer.explaining.replay import Replay
from deployer.explaining.scores import Scores
from deployer.project import Project
from deployer.records import RunRecord

PURPOSE = "deploy explain"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The findings in the order of the checks, up to the first proven one. `board`: None where none was asked."""

    run: str
    board: str | None
    findings: tuple[Finding, ...]

    @property
    def cause(self) -> Finding | None:
        """The first proven cause, after which nothing was looked at."""
        return next((finding for finding in self.findings if finding.verdict == "proven"), None)

    def raise_failure(self) -> None:
        """Raise CheckFailed with the first proven cause."""
        if self.cause is not None:
            raise CheckFailed(f"{self.cause.check}: {self.cause.what}", hint=self.cause.cure)


def as_data(explanation: Explanation) -> dict[str, Any]:
    """For JSON; `cause` is the first proven finding or null."""
    cause = explanation.cause
    return {**asdict(explanation), "cause": asdict(cause) if cause is not None else None}


def explain(
    project: Project,
    record: RunRecord,
    config: BoardConfig | None,
    *,
    kept_scores: Path | None = None,
    emit: Emit = ignore,
) -> Explanation:
    """Look for the cause of a run's wrong answers; without `config` in the record and on this machine alone.

    `kept_scores` is a file or folder of the board's raw scores. Nothing on the board is changed but the folder
    in which its dla_simulator works. Raises UsageError for a run of another model, BoardUnreachable, TransferError.
    """
    names, host = names_of(record, project), on_host(project)
    with tempfile.TemporaryDirectory(prefix="deploy-explain-") as temporary, _connected(config) as board:
        if board is None:
            case = Case(record, project, names, host, from_record(record, names, host))
        else:
            side, held = on_board.gather(board, record, names, host, Path(temporary))
            case = Case(record, project, names, host, held, side)
        checks = _checks(case, board, kept_scores, emit=emit)
        findings = tuple(_to_the_first_proven(checks))
    return Explanation(run=record.id, board=config.name if config is not None else None, findings=findings)


def _to_the_first_proven(checks: Iterable[Finding]) -> Iterator[Finding]:
    """What comes after a proven cause would be found in its consequences."""
    for finding in checks:
        yield finding
        if finding.verdict == "proven":
            return


def _checks(case: Case, board: Board | None, kept_scores: Path | None, *, emit: Emit) -> Iterator[Finding]:
    """Every check, in the order in which one is to be believed before the next; what it needs is got for it."""
    yield _told(contents.CHECK, lambda: contents.check(case))
    replayed = replay.replay(case, emit=emit)
    for finding in _of_replayed(case, board, replayed, kept_scores, emit=emit):
        yield _if_so(finding) if case.assumed else finding


def _of_replayed(
    case: Case, board: Board | None, replayed: Replay, kept_scores: Path | None, *, emit: Emit
) -> Iterator[Finding]:
    yield _told(origin.CHECK, lambda: origin.check(case, replayed))
    yield _told(input_contract.CHECK, lambda: input_contract.check(case, replayed))
    board_scores = _scores(case, board, replayed, kept_scores, emit=emit)
    yield _told(dequantisation.CHECK, lambda: dequantisation.check(replayed, board_scores))
    yield _told(staleness.CHECK, lambda: staleness.check(case, replayed, board_scores))
    yield _told(label_order.CHECK, lambda: label_order.check(case, replayed))
    differing = dequantisation.engine_differs(replayed, board_scores)
    yield _told(answers.CHECK, lambda: answers.check(case, replayed, differing))


def _told(check: Check, look: Callable[[], Finding]) -> Finding:
    """A check's answer; where something that it needs is not to be had, that it cannot tell, and why."""
    try:
        return look()
    except DeployError as e:
        return check.cannot_tell(str(e), cure=e.hint)


def _if_so(finding: Finding) -> Finding:
    """What is proven of bytes that only their names tell is not proven of the board."""
    if finding.verdict != "proven":
        return finding
    what = f"{finding.what}; if the files here are those that the board had, for the record has no hashes"
    return replace(finding, verdict="cannot tell", what=what)


@contextlib.contextmanager
def _connected(config: BoardConfig | None) -> Iterator[Board | None]:
    """The board, which says by itself which chip it has: a `chip:` that was configured may be the mistake."""
    if config is None:
        yield None
        return
    with SshBoard(config.replace(chip=None)) as board:
        yield board


def _scores(case: Case, board: Board | None, replayed: Replay, kept: Path | None, *, emit: Emit) -> Scores:
    """From the user's files, else by the board's dla_simulator where one is there."""
    if replayed.contract is None or replayed.why_not:
        return scores.none(replayed.why_not)
    if kept is not None:
        return kept_scores.load(kept, replayed, replayed.contract.outputs)
    if board is None:
        return scores.none("no board was asked")
    settings, placed = case.project.deployment.settings, case.project.program_on(board.config)
    if case.board is not None:
        placed = replace(placed, directory=case.board.directory)
    simulator = board_stage.choose(settings.board_simulator, placed, own_runtime=True)
    why_not = board_stage.missing(board, simulator)
    if simulator is None or why_not is not None:
        return scores.none(why_not or "")
    try:
        with at_work.working(board, PURPOSE, emit=emit):
            return scores.from_board(board, simulator, replayed, emit=emit)
    except DeployError as e:
        return scores.none(e)

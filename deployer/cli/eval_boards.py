"""`deploy eval --stage board` of many boards, and of boards beside the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

from deployer.board.config import BoardConfig
from deployer.cli import fleet
from deployer.cli import labs as labs_of
from deployer.cli.options import Asked, Session
from deployer.comparison import reached
from deployer.evaluation import by_board, by_lab, gate
from deployer.evaluation.evaluate import OpenBoard, Request, evaluate, listed
from deployer.evaluation.record import EvalRecord
from deployer.events import Emit
from deployer.project import Project


def over(session: Session, project: Project, asked: Asked, request: Request, limits: gate.Limits) -> None:
    """Every board asked for evaluates the whole data set, and has a record of its own."""
    with session.progress() as emit:
        files = reached.files_of(project, emit=emit)
        listing = listed(project, request, shared=True, emit=emit)
    only_boards = replace(request, scheduler=None)

    def through(opened: OpenBoard) -> Callable[[BoardConfig, Emit], EvalRecord]:
        def job(config: BoardConfig, emit: Emit) -> EvalRecord:
            return evaluate(
                project, only_boards, config=lambda: config, open_board=opened, listing=listing, emit=emit
            )

        return job

    work = fleet.Work(
        command="eval",
        job=through(partial(by_board.opened, files=files)),
        in_labs=lambda labs: through(by_lab.Opener(labs=labs, files=files)),
        columns=("metric", "clips", "left out", "run"),
        row=_row,
        data=asdict,
        judge=lambda done: gate.require(done, limits),
    )
    with listing:
        fleet.over(session, asked, work)


def one(session: Session, project: Project, asked: Asked, request: Request) -> EvalRecord:
    """One board beside a worker, perhaps among other stages. Raises UsageError and ClusterFailed."""
    with (
        labs_of.opened(session, asked, "eval") as (labs, boards, _),
        session.progress(board=boards[0].name) as emit,
    ):
        opened = by_lab.Opener(labs=labs, files=reached.files_of(project, emit=emit))
        return evaluate(project, request, config=lambda: boards[0], open_board=opened, emit=emit)


def _row(done: EvalRecord) -> tuple[str, ...]:
    found = done.stages[0].measured
    data = done.dataset
    return (f"{found.metric} {found.value:.4f}", str(data.clips), str(data.without), done.id)

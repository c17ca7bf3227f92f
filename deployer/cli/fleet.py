"""A command over many boards: progress, one table or JSON list, what failed, and one exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click
from rich.markup import escape
from rich.table import Table

from deployer.board.access import passwords
from deployer.board.config import BoardConfig
from deployer.cli.console import print_table, results
from deployer.cli.fleet_view import MARKS, fleet_view, seconds
from deployer.cli.meant import boards_of
from deployer.cli.options import Asked, Session
from deployer.cli.progress import fleet_log
from deployer.events import Emit, Event
from deployer.fleet import last_run
from deployer.fleet.outcome import FleetResult, Outcome, State
from deployer.fleet.runner import Began, FleetEmit, run_fleet

if TYPE_CHECKING:
    from deployer.scheduling.labs import Labs
    from deployer.under_way.telling import Teller

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Work(Generic[T]):
    """What a command does on each board, and how one board's result is shown.

    `in_labs` makes the job for boards that are beside the workers of a cluster. `judge` raises for a value that is
    a failure. `view` draws the progress, `text` the end, in their own ways.
    """

    command: str  # as it is typed: `push`, `board probe`
    job: Callable[[BoardConfig, Emit], T]
    columns: tuple[str, ...]
    row: Callable[[T], Sequence[str]]
    data: Callable[[T], Any]
    in_labs: Callable[[Labs], Callable[[BoardConfig, Emit], T]] | None = None
    judge: Callable[[T], None] | None = None
    view: Callable[[list[str], int], AbstractContextManager[FleetEmit]] | None = None
    text: Callable[[FleetResult[T]], None] | None = None


def one_or_over(session: Session, asked: Asked, work: Work[T], show: Callable[[T], None]) -> None:
    """Do the work on the one board asked for and tell it by `show`, or `over` many."""
    if asked.many:
        over(session, asked, work)
        return
    config = asked.one(session)
    with session.progress(board=config.name) as emit:
        done = work.job(config, emit)
    session.show(work.data(done), lambda: show(done))


def over(session: Session, asked: Asked, work: Work[T]) -> None:
    """Do the work on every board asked for, show it, keep who failed, and exit with the one code."""
    if asked.scheduler is not None and work.in_labs is not None:
        from deployer.cli import labs as labs_of

        with labs_of.opened(session, asked, work.command) as (labs, boards, at_once):
            there = replace(work, job=work.in_labs(labs))
            result = _run(session, replace(asked, parallel=at_once), there, boards)
    else:
        boards = boards_of(session.deployment, asked, work.command)
        for board in boards:
            if board.password_prompt:
                passwords.find(board)  # asked for now: a prompt in the middle of a live table is not seen
        result = _run(session, asked, work, boards)
    _keep(session, asked, work.command, result)
    show = work.text if work.text is not None and result.outcomes else partial(_text, work=work)
    session.show([as_data(outcome, work.data) for outcome in result.outcomes], lambda: show(result))
    complain(result)
    if result.exit_code:
        raise click.exceptions.Exit(result.exit_code)


def _run(session: Session, asked: Asked, work: Work[T], boards: list[BoardConfig]) -> FleetResult[T]:
    with _watched(session, [board.name for board in boards], work) as emit:
        return run_fleet(
            boards,
            work.job,
            parallel=asked.parallel,
            serial=asked.serial,
            fail_fast=asked.fail_fast,
            judge=work.judge,
            emit=emit,
        )


def _keep(session: Session, asked: Asked, command: str, result: FleetResult[Any]) -> None:
    """For `--retry-failed`; where that cannot be written the results are shown all the same."""
    try:
        last_run.save(session.deployment.state_dir, command, result, retried=asked.retry_failed)
    except OSError as e:
        mark = click.style("warning:", fg="yellow")
        click.echo(f"{mark} --retry-failed will not know of this run: {e.filename}: {e.strerror}", err=True)


def as_data(outcome: Outcome[T], data: Callable[[T], Any]) -> dict[str, Any]:
    """One board's outcome as JSON: what it is called, how it fared, its error, its result."""
    trouble = outcome.trouble
    return {
        "board": outcome.board,
        "address": outcome.address,
        "state": outcome.state.value,
        "exit_code": outcome.exit_code,
        "duration_s": round(outcome.duration_s, 3),
        "error": {"message": trouble.message, "hint": trouble.hint} if trouble else None,
        "result": data(outcome.value) if outcome.value is not None else None,
    }


def complain(result: FleetResult[Any]) -> None:
    """Each board's error on stderr; a hint that many share is given once, after the last of them."""
    troubles = [(o.board, o.trouble) for o in result.outcomes if o.trouble is not None]
    last = {trouble.hint: board for board, trouble in troubles}
    for board, trouble in troubles:
        if trouble.trace:
            click.echo(trouble.trace, err=True, nl=False)
        named = f"{board}: "  # some messages begin with it by themselves
        message = named + trouble.message.removeprefix(named)
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
        if trouble.hint and last[trouble.hint] == board:
            click.echo(f"{click.style('hint:', fg='yellow')} {trouble.hint}", err=True)
    if result.interrupted:
        click.echo(f"{click.style('error:', fg='red', bold=True)} interrupted", err=True)


def _text(result: FleetResult[T], *, work: Work[T]) -> None:
    console = results()
    if not result.outcomes:
        console.print("nothing to do: no board failed in the last run")
        return
    table = Table()
    for column in ("", "board", *work.columns, "time"):
        table.add_column(column)
    for outcome in result.outcomes:
        cells = work.row(outcome.value) if outcome.value is not None else ()
        shown = [escape(cell) for cell in cells] or [outcome.state.value, *[""] * (len(work.columns) - 1)]
        time = seconds(outcome.duration_s) if outcome.state is not State.NOT_STARTED else ""
        table.add_row(MARKS[outcome.state], escape(outcome.board), *shown, time)
    print_table(console, table)
    console.print(summary(result))


def summary(result: FleetResult[Any]) -> str:
    """How many boards are done and how many not, and how to try those again."""
    counts = [f"{len(result.those(State.DONE))} of {len(result.outcomes)} boards done"]
    counts += [f"{len(some)} {s.value}" for s in State if s is not State.DONE and (some := result.those(s))]
    again = "; the same with --retry-failed tries those again" if len(counts) > 1 else ""
    return ", ".join(counts) + again


def _table(names: list[str], verbosity: int) -> AbstractContextManager[FleetEmit]:
    return fleet_view(len(names), verbosity=verbosity)


@contextmanager
def _watched(session: Session, names: list[str], work: Work[T]) -> Iterator[FleetEmit]:
    """Drawn on stderr, kept in `--events` and told to others; with `--json` only warnings are drawn."""
    verbosity = -1 if session.as_json and session.verbosity < 1 else session.verbosity
    with (
        (work.view or _table)(names, verbosity) as draw,
        fleet_log(session.events_path) as keep,
        session.telling() as teller,
    ):

        def emit(board: str, event: Event | Began | Outcome[Any]) -> None:
            draw(board, event)
            keep(board, event)
            if teller is not None:
                _tell(teller, board, event)

        yield emit


def _tell(teller: Teller, board: str, event: Event | Began | Outcome[Any]) -> None:
    if isinstance(event, Outcome):
        teller.end(board, event.state.value, event.trouble.message if event.trouble else "")
    elif isinstance(event, Began):
        teller.begin(board)
    else:
        teller.take(event, board=board)

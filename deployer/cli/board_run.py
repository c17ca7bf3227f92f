"""`deploy board run|shell|logs|lock`: a command, a terminal, what was said, who is at work."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import click

from board_runner.errors import UsageError
from deployer import shell as host
from deployer.board.access import hostkeys
from deployer.cli import fleet
from deployer.cli.options import Asked, Session, boards, common, named
from deployer.events import Event, Logged, Warned
from deployer.fleet import jobs, terminal
from deployer.fleet.jobs import Command, CommandRun, LockShown, Logs
from deployer.fleet.outcome import FleetResult, Outcome
from deployer.fleet.runner import Began, FleetEmit
from deployer.running import last_run


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@boards
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=60.0, show_default=True)
@click.option("--cwd", type=PurePosixPath, help="Directory on the board to start in.")
@common
@click.argument("words", nargs=-1, required=True, metavar="COMMAND [ARG]...", type=click.UNPROCESSED)
def run(
    session: Session, asked: Asked, words: tuple[str, ...], timeout_s: float, cwd: PurePosixPath | None
) -> None:
    """Run COMMAND on one board or many; no shell reads its words (sh -c '...' makes one do so).

    On one board its streams and exit status are this command's own. On many every line is led by its board's
    name, and a status other than 0 counts as a failure of that board.
    """
    command = Command(argv=words, timeout_s=timeout_s, cwd=cwd)
    if asked.many:
        fleet.over(session, asked, _work(session, command))
        return
    config = asked.one(session)
    with session.progress() as emit:
        sink = None if session.as_json else _pass_through
        done = jobs.run_command(command, config, emit, keep=session.as_json, on_output=sink)
    if session.as_json:
        session.show({"board": config.name, "address": config.address, **_data(done)}, lambda: None)
    if done.exit_status is None:
        jobs.judge_command(command, done)
    raise click.exceptions.Exit(done.exit_status or 0)


@click.command("shell")
@click.argument("name", required=False)
@common
def shell(session: Session, name: str | None) -> None:
    """Open a shell on board NAME in this terminal, by the OpenSSH client with our host keys."""
    config = session.deployment.board(name)
    folder = hostkeys.state_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    raise click.exceptions.Exit(host.interactive(terminal.shell_argv(config, folder=folder)))


@click.command("logs")
@named
@boards
@click.option("--lines", type=click.IntRange(min=1), default=200, show_default=True, help="Newest lines.")
@click.option("--program", is_flag=True, help="Only what the board program printed; the board is not asked.")
@common
def logs(session: Session, asked: Asked, lines: int, program: bool) -> None:
    """Show a board's kernel log, and what the board program printed when it last ran there."""
    look = partial(jobs.logs, lines=None if program else lines)
    if not asked.many:
        config = asked.one(session)
        with session.progress() as emit:
            said = look(config, emit)
        value = {"board": config.name, "address": config.address, **_logs_data(said)}
        session.show(value, lambda: _echo_lines(_log_lines(said)))
        return
    work = fleet.Work(
        command="board logs",
        job=look,
        columns=("kernel's last words",),
        row=lambda said: (said.kernel[-1] if said.kernel else "",),
        data=_logs_data,
        text=_log_text,
    )
    fleet.over(session, asked, work)


def _logs_data(said: Logs) -> dict[str, Any]:
    ran = said.last_run
    if ran is None:
        return {"kernel": said.kernel, "last_run": None}
    texts = {name: getattr(ran, name).decode("utf-8", "replace") for name in ("stdout", "stderr")}
    return {"kernel": said.kernel, "last_run": asdict(ran) | texts}


def _log_lines(said: Logs) -> Iterator[str]:
    yield from said.kernel or ()
    if (ran := said.last_run) is not None:
        ended = "stopped at its deadline" if ran.timed_out else f"exit status {ran.exit_status}"
        yield f"last run: {shlex.join(ran.argv)}, {ran.ended}, {ended}"
        for name, data in (("stdout", ran.stdout), ("stderr", ran.stderr)):
            yield from (f"{name}: {line}" for line in data.decode("utf-8", "replace").splitlines())


def _echo_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


@click.command("lock")
@named
@boards
@click.option("--break", "take_away", is_flag=True, help="Take the lock away, whoever holds it.")
@common
def lock(session: Session, asked: Asked, take_away: bool) -> None:
    """Show who is at work on a board, or with --break end a claim that nobody holds any more."""
    work = fleet.Work(
        command="board lock",
        job=lambda config, emit: jobs.lock_of(config, emit, take_away=take_away),
        columns=("lock",),
        row=lambda shown: (shown.in_words(),),
        data=_lock_data,
    )
    fleet.one_or_over(session, asked, work, lambda shown: click.echo(shown.in_words()))


def _show_last_run(session: Session, asked: Asked) -> None:
    """stdout to stdout and stderr to stderr, as they came. Asks no board."""
    if asked.many:
        raise UsageError("--program shows one board", hint="name it: deploy board logs NAME --program")
    config = asked.one(session)
    kept = last_run.load(hostkeys.state_dir(), config.address)
    out, err = (text.decode("utf-8", "replace") for text in (kept.stdout, kept.stderr))

    def text() -> None:
        click.echo(f"{' '.join(kept.argv)}: exit status {kept.exit_status}, ended {kept.ended}", err=True)
        click.echo(out, nl=False)
        click.echo(err, nl=False, err=True)

    value = asdict(kept) | {"board": config.name, "address": config.address, "stdout": out, "stderr": err}
    session.show(value, text)


def _lock_data(shown: LockShown) -> dict[str, Any]:
    return {"held": shown.holder is not None and not shown.broken, **asdict(shown)}


def _log_text(result: FleetResult[Logs]) -> None:
    width = max((len(outcome.board) for outcome in result.outcomes), default=0)
    for outcome in result.outcomes:
        if outcome.value is not None:
            _echo_lines(f"{outcome.board:{width}} | {line}" for line in _log_lines(outcome.value))


def _work(session: Session, command: Command) -> fleet.Work[CommandRun]:
    def job(config: Any, emit: Any) -> CommandRun:
        if session.as_json:
            return jobs.run_command(command, config, emit, keep=True)
        lines = jobs.Lines(emit)
        try:
            return jobs.run_command(command, config, emit, on_output=lines)
        finally:
            lines.end()

    return fleet.Work(
        command="board run",
        job=job,
        columns=("exit status",),
        row=lambda done: (str(done.exit_status),),
        data=_data,
        judge=partial(jobs.judge_command, command),
        view=_prefixed,
        text=_ended,
    )


def _ended(result: FleetResult[CommandRun]) -> None:
    """The boards' own lines are the result: what is left to say goes to stderr."""
    if result.exit_code:
        click.echo(fleet.summary(result), err=True)


def _data(done: CommandRun) -> dict[str, Any]:
    return {
        "exit_status": done.exit_status,
        "timed_out": done.timed_out,
        "elapsed_ms": done.elapsed_ms,
        "stdout": done.stdout.decode("utf-8", "replace"),
        "stderr": done.stderr.decode("utf-8", "replace"),
    }


def _pass_through(stream: str, data: bytes) -> None:
    target = sys.stdout if stream == "stdout" else sys.stderr
    target.buffer.write(data)
    target.buffer.flush()


@contextmanager
def _prefixed(names: list[str], verbosity: int) -> Iterator[FleetEmit]:
    """Every line of a board's command on its own stream, led by the board's name."""
    width = max((len(name) for name in names), default=0)

    def emit(board: str, event: Event | Began | Outcome[Any]) -> None:
        if isinstance(event, Logged) and event.step in ("stdout", "stderr"):
            click.echo(f"{board:{width}} | {event.line}", err=event.step == "stderr")
        elif isinstance(event, Warned):
            click.echo(f"{board:{width}} | warning: {event.message}", err=True)

    yield emit

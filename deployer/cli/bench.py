"""`deploy bench`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from board_runner.errors import UsageError
from deployer import at_work
from deployer.board.config import BoardConfig
from deployer.cli import bench_models, fleet
from deployer.cli import push as push_command
from deployer.cli.bench_options import Wanted, measured
from deployer.cli.console import print_table, results
from deployer.cli.options import Asked, Session, boards, common, dry_run, through_labs
from deployer.errors import CheckFailed, ConfigError
from deployer.events import Emit
from deployer.project import Project
from deployer.records import RunRecord
from deployer.reporting import data, terminal, tiles

if TYPE_CHECKING:
    from deployer.measuring.gate import Comparison
    from deployer.measuring.request import Request
    from deployer.push import BoardFile
    from deployer.scheduling.labs import Labs


@click.command("bench")
@boards
@through_labs
@dry_run
@measured
@click.option(
    "--all-models",
    is_flag=True,
    help="Time every model on this host, beside ONNX Runtime and PyTorch; asks no board.",
)
@click.option(
    "--model", "models", multiple=True, help="With --all-models: this one alone; several may be given."
)
@common
def command(
    session: Session,
    asked: Asked,
    *,
    dry_run: bool,
    wanted: Wanted,
    all_models: bool,
    models: tuple[str, ...],
) -> None:
    """Run every clip on the board, or on many, several times; pushes what is missing, keeps each as a run."""
    if all_models or models:
        if dry_run:
            raise UsageError("--all-models changes nothing", hint="leave --dry-run out")
        bench_models.show(session, runs=wanted.runs, wanted=models)
        return
    project = _project(session, wanted)
    if dry_run:
        push_command.push(session, project, asked, dry_run=True, command="bench")
        return
    baseline = _baseline(project, wanted)
    run = partial(_run, session, project, wanted)
    if asked.many:
        files = push_command.prepared(session, project)

        def in_labs(labs: Labs) -> Callable[[BoardConfig, Emit], at_work.Benched]:
            from deployer.fleet.lab_work import InLabs

            words = ("--scheduler", labs.address)
            there = InLabs(labs=labs, project=project, files=files)
            return there.bench(lambda config: _request(session, wanted, config, words))

        work = _work(wanted, baseline, partial(run, files=files))
        fleet.over(session, asked, replace(work, in_labs=in_labs))
        return
    config = asked.one(session)
    with session.progress(board=config.name) as emit:
        done = run(config, emit)
    found = compare(done.record, wanted, baseline)
    session.show(_data(done, found), lambda: show(done, found))
    judge(done, found, wanted)


def _project(session: Session, wanted: Wanted) -> Project:
    project = Project(session.deployment)
    if wanted.durations is None:
        return project
    from deployer.measuring import durations

    return durations.project(project, durations.parse(wanted.durations))


def show(done: at_work.Benched, found: Comparison | None = None) -> None:
    """The table, the figures under it, what they are worth, and the name of the run."""
    from deployer.measuring import findings

    console = results()
    if done.record.counted:
        print_table(console, terminal.clip_table(done.record))
    for line in [*terminal.summary_lines(done.record), *findings.lines(done.record)]:
        console.print(line)
    if found is not None:
        console.print(f"compared       {found.in_words()}", markup=False)
        for note in found.notes:
            console.print(f"[yellow]note[/]           {note}")
        if found.runs_needed is not None:
            console.print(f"[yellow]note[/]           about {found.runs_needed} runs would make it clear")
    console.print(f"run: {done.record.id}")


def compare(record: RunRecord, wanted: Wanted, baseline: RunRecord | None) -> Comparison | None:
    """Against the baseline, or the other model in turns; None where neither was asked for. Raises CheckFailed."""
    from deployer.measuring import findings, gate

    limit = wanted.fail_above or findings.LIMIT
    if wanted.against is not None:
        floor = gate.noise_floor_of(baseline) if baseline is not None else 0.0
        names = ("this model", wanted.against.name)
        return gate.of_turns(record.started, limit=limit, names=names, floor=floor)
    return None if baseline is None else gate.against_baseline(baseline, record, limit=limit)


def judge(done: at_work.Benched, found: Comparison | None, wanted: Wanted) -> None:
    """Raise what went wrong, CheckFailed for a regression, and for an accuracy below the one asked for."""
    from deployer.statistics import summarise

    done.raise_failure()
    if found is not None and wanted.fail_above is not None:
        found.raise_failure()
    summary = summarise(done.record)
    least = wanted.min_accuracy
    if least is not None and summary is not None and (summary.accuracy is None or summary.accuracy < least):
        raise CheckFailed(f"accuracy {tiles.accuracy_text(summary)}, asked for {least:.0%}")


def _run(
    session: Session,
    project: Project,
    wanted: Wanted,
    config: BoardConfig,
    emit: Emit,
    *,
    files: list[BoardFile] | None = None,
) -> at_work.Benched:
    request = _request(session, wanted, config)
    return at_work.bench(project, config, files=files, request=request, emit=emit)


def _request(session: Session, wanted: Wanted, config: BoardConfig, words: tuple[str, ...] = ()) -> Request:
    from deployer.measuring.request import Request

    return Request(
        runs=wanted.runs,
        warm_up=wanted.warm_up,
        minutes=wanted.minutes,
        until_stable=wanted.until_stable,
        against=wanted.against,
        noise_floor=wanted.noise_floor,
        pin=wanted.pin,
        in_process=wanted.in_process,
        command=(*wanted.words(session, config), *words),
    )


def _baseline(project: Project, wanted: Wanted) -> RunRecord | None:
    """Read, and refused where it is none, before anything is measured."""
    from pathlib import Path

    from deployer import records
    from deployer.measuring import gate
    from deployer.measuring.steadiness import LEAST_EACH

    if wanted.baseline is None:
        if wanted.fail_above is not None and wanted.against is None:
            raise ConfigError(
                "--fail-above needs something to compare with", hint="add --baseline or --against"
            )
        return None
    path = Path(wanted.baseline)
    baseline = records.load(path) if path.is_file() else project.history().record(wanted.baseline)
    gate.check_baseline(baseline)
    runs = wanted.runs or project.deployment.settings.bench.runs
    if runs < LEAST_EACH and wanted.minutes is None and wanted.until_stable is None:
        raise UsageError(
            f"{runs} runs of a clip are too few to be compared", hint=f"--runs {LEAST_EACH} is the least"
        )
    return baseline


def _work(
    wanted: Wanted, baseline: RunRecord | None, run: Callable[[BoardConfig, Emit], at_work.Benched]
) -> fleet.Work[at_work.Benched]:
    return fleet.Work(
        command="bench",
        job=run,
        columns=("accuracy", "invoke ms, median", "p95", "runs", "failed", "steady", "run"),
        row=_row,
        data=lambda done: _data(done, compare(done.record, wanted, baseline)),
        judge=lambda done: judge(done, compare(done.record, wanted, baseline), wanted),
    )


def _row(done: at_work.Benched) -> tuple[str, ...]:
    from deployer.statistics import summarise

    summary = summarise(done.record)
    runs, failed = str(len(done.record.counted)), str(len(done.record.failures))
    if summary is None:
        return ("-", "-", "-", runs, failed, "-", done.record.id)
    invoke = summary.invoke
    times = (f"{invoke.median_ms:.3f}", terminal.ms(invoke.p95_ms))
    steady = {True: "yes", False: "no", None: "?"}[done.record.measured.get("steady")]
    return (tiles.accuracy_text(summary), *times, runs, failed, steady, done.record.id)


def _data(done: at_work.Benched, found: Comparison | None) -> dict[str, Any]:
    from deployer.measuring import findings

    kept = data.of_record(done.record)
    return kept if found is None else {**kept, "comparison": findings.as_data(found)}

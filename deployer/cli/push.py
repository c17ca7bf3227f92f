"""`deploy push`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployer import on_board
from deployer.board.config import BoardConfig
from deployer.cli.options import Asked, Session, boards, common, dry_run, through_labs
from deployer.events import Emit
from deployer.project import Project
from deployer.push import BoardFile, PushReport

if TYPE_CHECKING:
    from deployer.scheduling.labs import Labs


@click.command("push")
@click.option("--replace", is_flag=True, help="Where two releases do not fit, let the present one go first.")
@click.option(
    "--from-sdk",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Take the ready-made model, wav and built program of the vendor's SDK; nothing is converted.",
)
@click.option("--chip", help="The chip whose model is taken from the SDK.")
@boards
@through_labs
@dry_run
@common
def command(
    session: Session, asked: Asked, *, dry_run: bool, replace: bool, from_sdk: Path | None, chip: str | None
) -> None:
    """Copy the program, the model and the wavs to the board, or to many: only what differs, each file whole."""
    if (from_sdk is None) != (chip is None):
        raise click.UsageError("--from-sdk DIR and --chip CHIP go together")
    project = Project(session.deployment)
    files = None
    if from_sdk is not None and chip is not None:
        from deployer import from_sdk as sdk_files

        sdk = session.deployment.settings.sdk
        files = sdk_files.files(from_sdk, chip=chip, aarch=None if sdk is None else sdk.aarch)
    push(session, project, asked, files=files, chip=chip, dry_run=dry_run, replace=replace, command="push")


def push(
    session: Session,
    project: Project,
    asked: Asked,
    *,
    dry_run: bool,
    command: str,
    replace: bool = False,
    files: list[BoardFile] | None = None,
    chip: str | None = None,
) -> None:
    """Push to one board or many; after a dry run say what would be sent (commands that push first use it too).

    `files` other than the project's own come with the `chip` that their model is for.
    """
    if not asked.many:
        config = asked.one(session)
        push_one(session, project, config, files=files, chip=chip, dry_run=dry_run, replace=replace)
        return
    from deployer.cli import fleet

    ready = prepared(session, project) if files is None else files

    def in_labs(labs: Labs) -> Callable[[BoardConfig, Emit], PushReport]:
        from deployer.fleet.lab_work import InLabs

        there = InLabs(labs=labs, project=project, files=ready)
        return there.push(chip=chip, dry_run=dry_run, replace=replace)

    work = fleet.Work(
        command=command,
        job=lambda config, emit: on_board.push(
            project, config, files=ready, chip=chip, dry_run=dry_run, replace=replace, emit=emit
        ),
        in_labs=in_labs,
        columns=("would send" if dry_run else "sent", "unchanged", "MB"),
        row=lambda r: (str(len(r.sent)), str(len(r.unchanged)), f"{r.bytes / 1e6:.1f}"),
        data=asdict,
    )
    fleet.over(session, asked, work)


def push_one(
    session: Session,
    project: Project,
    config: BoardConfig,
    *,
    dry_run: bool,
    replace: bool = False,
    files: list[BoardFile] | None = None,
    chip: str | None = None,
) -> None:
    """Push to one board, with bars for its steps."""
    with session.progress(board=config.name) as emit:
        report = on_board.push(
            project, config, files=files, chip=chip, dry_run=dry_run, replace=replace, emit=emit
        )
    show(session, report)


def prepared(session: Session, project: Project) -> list[BoardFile]:
    """The files for the boards, made and checked once for all of them."""
    with session.progress() as emit:
        return on_board.board_files(project, emit=emit)


def show(session: Session, report: PushReport) -> None:
    """What was sent or, after a dry run, what would be."""

    def text() -> None:
        verb = "would send" if report.dry_run else "sent"
        for name in report.sent:
            click.echo(f"{verb} {name}")
        click.echo(f"{len(report.sent)} {verb}, {len(report.unchanged)} unchanged, in {report.directory}")
        if report.sent:
            back = (
                f"to {report.previous}" if report.previous else "not possible: no release before it is kept"
            )
            click.echo(f"release {report.release}; rollback {back}")

    session.show(asdict(report), text)

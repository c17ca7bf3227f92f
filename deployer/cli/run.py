"""`deploy run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from deployer import at_work
from deployer.board.config import BoardConfig
from deployer.cli import fleet
from deployer.cli import push as push_command
from deployer.cli.options import Asked, Session, boards, common, dry_run, through_labs
from deployer.events import Emit
from deployer.labels import shown
from deployer.logs.said import Embedded, Heard
from deployer.project import Project
from deployer.reporting import said
from deployer.run import Result

if TYPE_CHECKING:
    from deployer.scheduling.labs import Labs


@click.command("run")
@click.argument("clip")
@boards
@through_labs
@dry_run
@common
def command(session: Session, asked: Asked, clip: str, dry_run: bool) -> None:
    """Run one CLIP (a name or path of the project's wavs) on the board, or on many; pushes what is missing."""
    project = Project(session.deployment)
    if dry_run:
        push_command.push(session, project, asked, dry_run=True, command="run")
    elif asked.many:
        _many(session, project, asked, clip)
    else:
        config = asked.one(session)
        with session.progress(board=config.name) as emit:
            result = at_work.run(project, config, clip, emit=emit)
        session.show(as_data(result, project), lambda: _text(result, project))
        result.raise_failure()


def as_data(result: Result, project: Project) -> dict[str, Any]:
    """One run as JSON."""
    return {
        "clip": result.output.image,
        "class_id": result.class_id,
        "label": shown(result.class_id, project.labels) if result.class_id is not None else None,
        "answer": asdict(result.answer) if result.answer is not None else None,
        "invoke_ms": result.invoke_ms,
        "post_process_ms": result.post_process_ms,
        "wall_ms": result.wall_ms,
        "run": result.run_id,
    }


def _many(session: Session, project: Project, asked: Asked, clip: str) -> None:
    files = push_command.prepared(session, project)

    def job(config: BoardConfig, emit: Emit) -> Result:
        result = at_work.run(project, config, clip, files=files, emit=emit)
        result.raise_failure()
        return result

    def in_labs(labs: Labs) -> Callable[[BoardConfig, Emit], Result]:
        from deployer.fleet.lab_work import InLabs

        return InLabs(labs=labs, project=project, files=files).run(clip)

    work = fleet.Work(
        command="run",
        job=job,
        in_labs=in_labs,
        columns=("says", "invoke ms", "post process ms"),
        row=lambda r: (_says(r, project), f"{r.invoke_ms:.3f}", f"{r.post_process_ms:.3f}"),
        data=lambda r: as_data(r, project),
    )
    fleet.over(session, asked, work)


def _says(result: Result, project: Project) -> str:
    if result.answer is None:
        return shown(result.class_id, project.labels)
    return said.in_words(result.answer, project.labels)


def _text(result: Result, project: Project) -> None:
    name = {Embedded: "embedding:", Heard: "transcript:"}.get(type(result.said), "class id:")
    click.echo(f"{name:<19}{_says(result, project)}")
    click.echo(f"model invoke time: {result.invoke_ms:.3f} ms")
    click.echo(f"post process time: {result.post_process_ms:.3f} ms")

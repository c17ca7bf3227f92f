"""`deploy run`."""

from __future__ import annotations

import click

from deployer import pipeline
from deployer.cli import push as push_command
from deployer.cli.options import Session, board, common, dry_run
from deployer.labels import shown
from deployer.project import Project


@click.command("run")
@click.argument("clip")
@board
@dry_run
@common
def command(session: Session, clip: str, board_name: str | None, dry_run: bool) -> None:
    """Run one CLIP (a name or path of the project's wavs) on the board; pushes what is missing."""
    project = Project(session.deployment)
    if dry_run:
        push_command.dry_run_only(session, project, board_name)
        return
    with session.progress() as emit:
        result = pipeline.run(project, session.deployment.board(board_name), clip, emit=emit)
    value = {
        "clip": result.output.image,
        "class_id": result.class_id,
        "label": shown(result.class_id, project.labels),
        "invoke_ms": result.invoke_ms,
        "post_process_ms": result.post_process_ms,
        "wall_ms": result.wall_ms,
    }

    def text() -> None:
        click.echo(f"class id:          {shown(result.class_id, project.labels)}")
        click.echo(f"model invoke time: {result.invoke_ms:.3f} ms")
        click.echo(f"post process time: {result.post_process_ms:.3f} ms")

    session.show(value, text)

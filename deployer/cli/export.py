"""`deploy export`."""

from __future__ import annotations

from pathlib import Path

import click

from board_runner import models
from deployer import export
from deployer.cli.options import Session, common
from deployer.errors import ConfigError
from deployer.project import Project


@click.command("export")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The trainer's output folder.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the ONNX files.")
@click.option("--model", type=click.Choice(models.NAMES), help="What the network is; else model.name.")
@common
def command(session: Session, checkpoint: Path | None, out: Path | None, model: str | None) -> None:
    """Make MODEL.onnx and MODEL_sim.onnx from a checkpoint folder (args.yml, chkpnt.pt), and verify them."""
    project = Project(session.deployment)
    configured = session.deployment.settings.model.checkpoint
    if checkpoint is None:
        if configured is None:
            raise ConfigError(
                "no checkpoint", hint="give --checkpoint DIR, or set model.checkpoint in deploy.yaml"
            )
        checkpoint = session.deployment.resolve(configured)
    with session.progress() as emit:
        report = export.run(
            checkpoint,
            out or project.exported_dir,
            emit,
            model=model or session.deployment.settings.model.name,
        )
    session.show(report.as_data(), lambda: click.echo(report.as_text()))

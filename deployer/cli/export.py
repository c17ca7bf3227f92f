"""`deploy export`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from board_runner import models
from board_runner.models.wenet_chunks import Chunking
from deployer import export, labels
from deployer.cli.options import Session, common
from deployer.errors import CheckFailed, ConfigError
from deployer.project import Project


@click.command("export")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The trainer's output folder.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the ONNX files.")
@click.option("--model", type=click.Choice(models.NAMES), help="What the network is; else model.name.")
@click.option(
    "--accuracy",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of wavs in folders named after their classes: network and export must be right as often.",
)
@click.option(
    "--static",
    type=(click.IntRange(min=1), click.IntRange(min=1)),
    metavar="FRAMES LEFT",
    help="WeNet: also one graph of fixed sizes, chunks of FRAMES that see LEFT chunks back.",
)
@click.option(
    "--examine",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of exporting, look for known faults in this ONNX file from elsewhere.",
)
@common
def command(
    session: Session,
    *,
    checkpoint: Path | None,
    out: Path | None,
    model: str | None,
    accuracy: Path | None,
    static: tuple[int, int] | None,
    examine: Path | None,
) -> None:
    """Make MODEL.onnx and MODEL_sim.onnx from a checkpoint folder (args.yml, chkpnt.pt), and verify them."""
    section = session.deployment.settings.model
    section = section.replace(name=model or section.name)
    if examine is not None:
        _examine(session, examine, section.name)
        return
    project = Project(session.deployment)
    configured = session.deployment.settings.model.checkpoint
    if checkpoint is None:
        if configured is None:
            raise ConfigError(
                "no checkpoint", hint="give --checkpoint DIR, or set model.checkpoint in deploy.yaml"
            )
        checkpoint = session.deployment.resolve(configured)
    labelled = []
    if accuracy is not None:
        from deployer.export import accuracy_gate

        labelled = accuracy_gate.labelled(accuracy, labels.load(section, session.deployment.root))
    with session.progress() as emit:
        report = export.run(
            checkpoint,
            out or project.exported_dir,
            emit,
            model=section.name,
            labelled=labelled,
            static=Chunking(frames=static[0], left_chunks=static[1]) if static is not None else None,
        )
    session.show(report.as_data(), lambda: click.echo(report.as_text()))


def _examine(session: Session, path: Path, model: str) -> None:
    checks = export.examine(path, models.get(model).contract())
    failed = [check for check in checks if not check.passed]
    lines = [f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.detail}" for check in checks]
    session.show(
        {"passed": not failed, "checks": [asdict(check) for check in checks]},
        lambda: click.echo("\n".join(lines)),
    )
    if failed:
        raise CheckFailed(f"{path}: {failed[0].name}: {failed[0].detail}")

"""`deploy convert`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import pipeline
from deployer.cli.options import Session, common
from deployer.project import Project


@click.command("convert")
@click.option("--force", is_flag=True, help="Convert even if nothing has changed.")
@common
def command(session: Session, force: bool) -> None:
    """Turn the ONNX model into eat_float.sim, eat_fixed.sim and eat.img by the vendor's convert.sh."""
    with session.progress() as emit:
        made = pipeline.convert(Project(session.deployment), force=force, emit=emit)

    def text() -> None:
        for name in sorted(made.manifest.outputs):
            click.echo(f"{made.folder / name}")

    session.show({"folder": str(made.folder), **asdict(made.manifest)}, text)

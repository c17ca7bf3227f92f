"""`deploy prepare`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from deployer import prepare
from deployer.cli.options import Session, common
from deployer.project import Project


@click.command("prepare")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("clips"),
    show_default=True,
    help="Folder for the prepared wavs.",
)
@common
def command(session: Session, sources: tuple[Path, ...], out: Path) -> None:
    """Turn audio (wav, FLAC, Ogg; any rate, width, channels) into the wavs that the board program reads."""
    contract = Project(session.deployment).contract
    with session.progress() as emit:
        prepared = prepare.prepare(sources, out, contract, emit=emit)

    def text() -> None:
        for item in prepared:
            click.echo(f"{item.target}: {item.note}")

    session.show([asdict(item) for item in prepared], text)

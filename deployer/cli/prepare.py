"""`deploy prepare`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from board_runner.errors import UsageError
from deployer import prepare
from deployer.cli.options import Session, common
from deployer.project import Project

if TYPE_CHECKING:
    from deployer.datasets.voxceleb1 import Choice

VOXCELEB1 = "voxceleb1"


@click.command("prepare")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("clips"),
    show_default=True,
    help="Folder for the prepared wavs.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="voxceleb1: draws the windows.")
@click.option(
    "--longest", "longest_s", default=19.0, show_default=True, help="voxceleb1: seconds; longer is left out."
)
@click.option(
    "--short",
    type=click.Choice(["fill", "refuse"]),
    default="fill",
    help="voxceleb1: clips too short for a window.",
)
@click.option(
    "--split", type=click.Choice(["all", "test", "dev"]), default="all", help="voxceleb1: official split."
)
@common
def command(
    session: Session,
    sources: tuple[Path, ...],
    out: Path,
    *,
    seed: int,
    longest_s: float,
    short: Literal["fill", "refuse"],
    split: Literal["all", "test", "dev"],
) -> None:
    """Turn audio (wav, FLAC, Ogg; any rate, width, channels) into the wavs that the board program reads.

    `deploy prepare voxceleb1 DIR` takes a tree SPEAKER/VIDEO/FILE.wav and writes a manifest beside the wavs.
    """
    if str(sources[0]) == VOXCELEB1:
        from deployer.datasets.voxceleb1 import Choice

        if len(sources) != 2:
            raise UsageError(
                "deploy prepare voxceleb1 takes one folder", hint="a source of that name is ./voxceleb1"
            )
        _voxceleb1(session, sources[1], out, Choice(seed=seed, longest_s=longest_s, short=short, split=split))
        return
    contract = Project(session.deployment).contract
    with session.progress() as emit:
        prepared = prepare.prepare(sources, out, contract, emit=emit)

    def text() -> None:
        for item in prepared:
            click.echo(f"{item.target}: {item.note}")

    session.show([asdict(item) for item in prepared], text)


def _voxceleb1(session: Session, folder: Path, out: Path, choice: Choice) -> None:
    from deployer.datasets import manifest, voxceleb1

    with session.progress() as emit:
        made = voxceleb1.make(folder, out, choice=choice, emit=emit)

    def text() -> None:
        click.echo(
            f"{len(made.clips)} clips of {len(made.speakers)} speakers, {len(made.left_out)} left out: "
            f"{out / manifest.NAME}"
        )

    session.show(asdict(made), text)

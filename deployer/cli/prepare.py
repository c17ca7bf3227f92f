"""`deploy prepare`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from board_runner import models
from board_runner.errors import UsageError
from deployer import prepare
from deployer.cli.options import Session, common
from deployer.project import Project

if TYPE_CHECKING:
    from board_runner.contract import InputContract

DATASETS = ("voxceleb1", "esc50", "classes")


@click.command("prepare")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("clips"),
    show_default=True,
    help="Folder for the prepared wavs.",
)
@click.option("--model", type=click.Choice(models.NAMES), help="Whose rate is wanted; else model.name.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="voxceleb1: draws the windows; classes: the split."
)
@click.option(
    "--shares", default="80,10,10", show_default=True, help="classes: train, val and test of every class."
)
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
    session: Session, sources: tuple[Path, ...], out: Path, *, model: str | None, **of_dataset: Any
) -> None:
    """Turn audio (wav, FLAC, Ogg; any rate, width, channels) into the wavs that the board program reads.

    Three data sets become wavs and a manifest: `deploy prepare voxceleb1 DIR` takes SPEAKER/VIDEO/FILE.wav, `esc50
    DIR` meta/esc50.csv and audio/, `classes DIR` a folder a class, whose split into train, val and test is kept.
    """
    dataset = str(sources[0])
    if dataset in DATASETS and len(sources) != 2:
        raise UsageError(
            f"deploy prepare {dataset} takes one folder", hint=f"a source of that name is ./{dataset}"
        )
    if dataset == "voxceleb1":
        _voxceleb1(session, sources[1], out, of_dataset)
        return
    contract = models.get(model).contract() if model else Project(session.deployment).contract
    if dataset in DATASETS:
        _labelled(session, sources[1], out, contract, of_dataset, dataset=dataset)
        return
    with session.progress() as emit:
        prepared = prepare.prepare(sources, out, contract, emit=emit)

    def text() -> None:
        for item in prepared:
            click.echo(f"{item.target}: {item.note}")

    session.show([asdict(item) for item in prepared], text)


def _voxceleb1(session: Session, folder: Path, out: Path, options: Mapping[str, Any]) -> None:
    from deployer.datasets import manifest, voxceleb1

    chosen = {name: options[name] for name in ("seed", "longest_s", "short", "split")}
    with session.progress() as emit:
        made = voxceleb1.make(folder, out, choice=voxceleb1.Choice(**chosen), emit=emit)

    def text() -> None:
        click.echo(
            f"{len(made.clips)} clips of {len(made.speakers)} speakers, {len(made.left_out)} left out: "
            f"{out / manifest.NAME}"
        )

    session.show(asdict(made), text)


def _labelled(
    session: Session,
    folder: Path,
    out: Path,
    contract: InputContract,
    options: Mapping[str, Any],
    *,
    dataset: str,
) -> None:
    from deployer.datasets import classes, esc50, stored

    with session.progress() as emit:
        if dataset == esc50.NAME:
            made = esc50.make(folder, out, contract, emit=emit)
        else:
            shares = classes.shares_of(options["shares"])
            made = classes.make(folder, out, contract, seed=options["seed"], shares=shares, emit=emit)

    def text() -> None:
        click.echo(f"{len(made.clips)} clips of {len(made.classes)} classes: {out / stored.NAME}")

    session.show(asdict(made), text)

"""`deploy fold`."""

from __future__ import annotations

from pathlib import Path

import click

from deployer.cli.options import Session, common
from deployer.folding import fold


@click.command("fold")
@click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="What to write; else *_bnfused.")
@click.option("--pairs", default=fold.PAIRS, show_default=True, help="Timed pairs of runs; 0 for none.")
@common
def command(session: Session, model_path: Path, out: Path | None, pairs: int) -> None:
    """Fold the batch normalisations of an ONNX model into the layers beside them, and prove it equal."""
    report = fold.fold_onnx(model_path, out, pairs=pairs)
    session.show(report.as_data(), lambda: click.echo(report.as_text()))
    fold.raise_if_useless(report)

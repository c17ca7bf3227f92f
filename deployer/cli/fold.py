"""`deploy fold`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from deployer.cli.options import Session, common


@click.command("fold")
@click.argument("source", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="What to write; else *_bnfused.")
@click.option("--graph", type=click.Path(path_type=Path), help="A graph of the checkpoint's network.")
@click.option("--model", help="What network a folder holds; else model.name.")
@click.option("--pairs", default=60, show_default=True, help="Timed pairs of runs; 0 for none.")
@common
def command(
    session: Session, *, source: Path, out: Path | None, graph: Path | None, model: str | None, pairs: int
) -> None:
    """Fold the batch normalisations of MODEL into the layers beside them, and prove it equal.

    MODEL is an ONNX file; a checkpoint folder (args.yml, chkpnt.pt); a PyTorch file with --graph NET.onnx; or a
    TensorFlow checkpoint with its .meta beside it or as --graph.
    """
    # Read once, when numpy is imported: threads of a busy machine would blur the timing of small graphs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from deployer.folding import fold

    name = model or session.deployment.settings.model.name
    report = fold.fold_any(source, out, graph=graph, model=name, pairs=pairs)
    session.show(report.as_data(), lambda: click.echo(report.as_text()))
    fold.raise_if_useless(report)

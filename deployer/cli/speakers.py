"""`deploy speakers`."""

from __future__ import annotations

from pathlib import Path

import click

from deployer.cli.options import Session, common


@click.command("speakers")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--onnx", "deployed", type=click.Path(path_type=Path), help="The model file to run.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The trainer's folder, run in PyTorch.")
@click.option("--trials", type=click.Path(path_type=Path, dir_okay=False), help="A list: 1 FILE FILE, or 0.")
@click.option("--least-cosine", default=0.999, show_default=True, help="Between both, on the worst clip.")
@common
def command(
    session: Session,
    *,
    manifest: Path,
    deployed: Path | None,
    checkpoint: Path | None,
    trials: Path | None,
    least_cosine: float,
) -> None:
    """Embed the clips of MANIFEST (`deploy prepare voxceleb1`) and measure how well speakers are told apart.

    With both --onnx and --checkpoint each is measured, and every clip's two embeddings must agree.
    """
    from deployer.speakers import embed as speakers
    from deployer.speakers import report as speaker_report

    with session.progress() as emit:
        report = speakers.measure(
            manifest, deployed=deployed, checkpoint=checkpoint, trials=trials, emit=emit
        )
    session.show(report.as_data(), lambda: click.echo(report.as_text()))
    speaker_report.require(report, least_cosine)

"""`deploy compare-sim`."""

from __future__ import annotations

from pathlib import Path

import click

from board_runner.errors import UsageError
from deployer import pipeline
from deployer.cli import compared
from deployer.cli import layers as by_layers
from deployer.cli.layers import LayerOptions
from deployer.cli.options import Session, board, common, scheduler
from deployer.comparison import clip_set
from deployer.comparison.compare_sim import Request
from deployer.comparison.layouts import Layout
from deployer.project import Project

_LAYOUTS: dict[str, Layout] = {"same": "same", "nhwc": "nhwc->nchw", "nchw": "nchw->nhwc"}
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("compare-sim")
@click.argument("stages", nargs=-1, required=True, metavar="STAGE[=FOLDER]...")
@click.option(
    "--clips",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Compare over these wavs or folders of wavs, not over the project's clips.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at once. [default: one a core]")
@click.option(
    "--save", type=_FOLDER, help="Keep each stage's outputs in DIR/STAGE, for another machine or day."
)
@click.option("--fresh", is_flag=True, help="Compute every clip anew.")
@click.option("--common", "common_only", is_flag=True, help="Compare the clips that all stages have.")
@click.option(
    "--worst", type=click.IntRange(min=0), default=5, show_default=True, help="Worst clips to show."
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path, exists=True),
    help="Your own tensors as the first stage: .npy, .npz, a text or a PyTorch print, or a folder of them.",
)
@click.option(
    "--reference-layout",
    type=click.Choice(["same", "nhwc", "nchw"]),
    help="The layout of 4-D references where their shapes cannot tell: the model's own, or which other.",
)
@by_layers.options
@scheduler
@board
@common
def command(
    session: Session,
    *,
    stages: tuple[str, ...],
    clips: tuple[Path, ...],
    jobs: int | None,
    save: Path | None,
    fresh: bool,
    common_only: bool,
    worst: int,
    reference: Path | None,
    reference_layout: str | None,
    layers: LayerOptions | None,
    scheduler_address: str | None,
    board_name: str | None,
) -> None:
    """Run STAGES (two or more of torch onnx float fixed offline board) on every clip and compare them.

    Each stage is held against the one before it, and the last against the first; the limits of deploy.yaml
    decide the exit code. STAGE=FOLDER takes outputs that --save kept; with --reference one stage is enough.
    What was computed once is not computed again, so an interrupted comparison goes on where it was.
    """
    project = Project(session.deployment)
    wavs = clip_set.find(clips) if clips else ()
    if layers is not None:
        if reference is not None:
            raise UsageError("--layers compares two stages; --reference has no layers")
        if project.static is not None:
            raise UsageError("--layers has no part in state that is carried: it would compare first chunks")
        if scheduler_address is not None:
            raise UsageError("--layers runs here; --scheduler has no part in it")
        by_layers.run(session, project, stages, layers, wavs=wavs)
        return
    request = Request(
        stages=stages,
        clips=wavs,
        jobs=jobs,
        save=save,
        fresh=fresh,
        common=common_only,
        scheduler=scheduler_address,
        reference=pipeline.reference(
            project, reference, clips=wavs, layout=_LAYOUTS.get(reference_layout or "")
        )
        if reference
        else None,
    )
    with session.progress() as emit:
        done = pipeline.compare(
            project, request, config=lambda: session.deployment.board(board_name), emit=emit
        )
    session.show(compared.as_data(done), lambda: compared.show(done, worst=worst))
    done.raise_failure()

"""`deploy eval`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click

from board_runner.errors import UsageError
from deployer.cli.options import Asked, Session, boards, common, in_a_folder, scheduler
from deployer.comparison import stages
from deployer.project import Project

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("eval")
@click.argument("dataset", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--stage",
    "names",
    multiple=True,
    type=click.Choice(stages.NAMES),
    default=("onnx",),
    show_default="onnx",
    help="What answers; several are held against each other in this order.",
)
@click.option("--fold", "folds", multiple=True, help="These folds or splits alone; may be repeated.")
@click.option(
    "--units", type=_FILE, help="A recogniser's tokens, for texts as truth: lines of `unit number`."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at once. [default: one a core]")
@click.option("--fresh", is_flag=True, help="Ask for every answer anew.")
@click.option("--keep-going", is_flag=True, help="Leave out clips without an answer, and say so.")
@click.option(
    "--worst", type=click.IntRange(min=0), default=10, show_default=True, help="Worst clips to show."
)
@click.option("--confusion", type=_FILE, help="Write the last stage's confusion matrix, as CSV.")
@click.option(
    "--min-metric", type=click.FloatRange(0, 1), help="Exit with 1 where a stage's metric is below."
)
@click.option("--max-metric", type=click.FloatRange(min=0), help="The same for an error rate that is above.")
@scheduler
@boards
@common
def command(
    session: Session,
    asked: Asked,
    *,
    dataset: Path | None,
    names: tuple[str, ...],
    folds: tuple[str, ...],
    units: Path | None,
    jobs: int | None,
    fresh: bool,
    keep_going: bool,
    worst: int,
    confusion: Path | None,
    min_metric: float | None,
    max_metric: float | None,
    scheduler_address: str | None,
) -> None:
    """Measure the model over DATASET (default: the project's clips) by its own metric.

    DATASET is what `deploy prepare esc50|classes|voxceleb1` made, a folder of wavs named as ESC-50 names them, a
    folder with one folder a class, or a table (.csv, .tsv) with columns like path and class. What was answered once
    is not asked again, so an interrupted evaluation goes on where it was. `--stage board` may be asked of many
    boards, each with a record of its own; with --scheduler by the worker beside each.
    """
    from board_runner.models.base import Classifier
    from deployer.cli import evaluated
    from deployer.evaluation import evaluate, gate
    from deployer.evaluation.evaluate import Request

    project = Project(session.deployment)
    limits = gate.Limits(least=min_metric, most=max_metric)
    gate.check(limits, metric=project.model.METRIC, higher_is_better=isinstance(project.model, Classifier))
    in_a_folder(confusion)
    request = Request(
        stages=names,
        dataset=dataset,
        folds=folds,
        jobs=jobs,
        fresh=fresh,
        keep_going=keep_going,
        units=units,
        worst=max(worst, 20),
        scheduler=scheduler_address,
    )
    if asked.many:
        from deployer.cli import eval_boards  # what boards need takes longer to load than a few clips take

        if names != (evaluate.BOARD,) or confusion is not None:
            raise UsageError(
                "over several boards it is `--stage board` alone, without --confusion",
                hint="run the other stages by themselves: `deploy history diff` holds two runs against each other",
            )
        eval_boards.over(session, project, replace(asked, scheduler=scheduler_address), request, limits)
        return
    if scheduler_address is not None and evaluate.BOARD in names:
        from deployer.cli import eval_boards

        done = eval_boards.one(session, project, replace(asked, scheduler=scheduler_address), request)
    else:
        with session.progress() as emit:
            done = evaluate.evaluate(project, request, config=lambda: asked.one(session), emit=emit)
    if confusion is not None:
        confusion.write_text(evaluated.confusion_csv(done), encoding="utf-8")
    session.show(asdict(done), lambda: evaluated.show(done, worst=worst))
    gate.require(done, limits)

"""An evaluation, drawn: as tables for people, as a matrix for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from board_runner.errors import UsageError
from deployer.cli import compared
from deployer.cli.console import results
from deployer.evaluation.class_figures import ClassFigures
from deployer.evaluation.record import EvalRecord, StageRecord
from deployer.evaluation.transcript_figures import TranscriptFigures
from deployer.evaluation.versus import Versus
from deployer.labels import shown
from deployer.metrics import speakers

CONFUSED = 10
MATRIX = 14
"""Up to so many classes the matrix is printed whole."""


def confusion_csv(record: EvalRecord) -> str:
    """The last stage's matrix: a row a class that the data set has. Raises UsageError for a model without."""
    figures = record.stages[-1].measured.classes
    if figures is None:
        raise UsageError(f"{record.model} has no classes, so no confusion matrix")
    columns = [row.class_id for row in figures.classes]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["truth", *(shown(column, record.labels) for column in columns)])
    for target, said in figures.confusion.items():
        rows.writerow([shown(target, record.labels), *(said.get(column, 0) for column in columns)])
    return text.getvalue()


def show(record: EvalRecord, *, worst: int) -> None:
    """A row a stage; then classes, confusions, worst clips of the last stage; then stage against stage."""
    console = results()
    data = record.dataset
    console.print(f"{record.model} over {data.clips} clips ({data.layout}) in {escape(data.path)}")
    if data.without:
        first = data.left_out[0]
        console.print(
            f"[yellow]{data.without} clips left out[/], which {first.stage} and others had no answer for: "
            f"{escape(first.reason)}"
        )
    last = record.stages[-1]
    if last.measured.classes is not None:
        console.print(_class_overview(record.stages))
        _classes(console, last, record.labels)
        _confusions(console, last, record.labels)
        _worst(console, last.measured.classes, last.stage, record.labels, worst)
    for stage in record.stages:
        if stage.measured.speakers is not None:
            console.print(f"{stage.stage}\n{speakers.as_table(stage.measured.speakers)}")
        if stage.measured.transcripts is not None:
            _transcripts(console, stage.stage, stage.measured.transcripts, worst)
    for versus in record.versus:
        _versus(console, versus, record.labels)
    for stage in record.stages:
        console.print(f"[dim]{stage.stage}: {escape('; '.join((stage.detail, *stage.notes)))}[/]")
    console.print(f"[dim]kept as {record.id}: `deploy history show` has it[/]")


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, caption_justify="left")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _class_overview(stages: Sequence[StageRecord]) -> Table:
    names = ("right", "accuracy", "95 % interval", "top 5", "macro F1", "ECE", "log loss")
    table = _table("", ("stage",), names)
    for stage in stages:
        found = stage.measured.classes
        assert found is not None
        low, high = found.interval
        calibrated = found.calibration
        table.add_row(
            stage.stage,
            f"{found.right} of {found.clips}",
            f"{found.accuracy:.2%}",
            f"{low:.1%} to {high:.1%}",
            f"{found.top[5]:.2%}" if 5 in found.top else "-",
            f"{found.macro_f1:.4f}",
            f"{calibrated.expected_error:.4f}" if calibrated else "-",
            f"{calibrated.log_loss:.4f}" if calibrated else "-",
        )
    return table


def _classes(console: Console, stage: StageRecord, labels: Sequence[str]) -> None:
    figures = stage.measured.classes
    assert figures is not None
    table = _table(
        f"classes of {stage.stage}, the least F1 first", ("class",), ("clips", "precision", "recall", "F1")
    )
    for row in sorted(figures.classes, key=lambda row: (row.f1, row.class_id)):
        table.add_row(
            escape(row.label), str(row.clips), _share(row.precision), _share(row.recall), _share(row.f1)
        )
    console.print(table)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _confusions(console: Console, stage: StageRecord, labels: Sequence[str]) -> None:
    figures = stage.measured.classes
    assert figures is not None
    ids = [row.class_id for row in figures.classes]
    if len(ids) <= MATRIX:
        table = _table(f"confusion matrix of {stage.stage}", ("truth, taken for",), [str(one) for one in ids])
        for target, said in figures.confusion.items():
            table.add_row(escape(shown(target, labels)), *(str(said.get(one, "")) for one in ids))
        console.print(table)
        return
    wrong = [
        (count, target, one)
        for target, said in figures.confusion.items()
        for one, count in said.items()
        if one != target
    ]
    if not wrong:
        return
    table = _table(f"most confused by {stage.stage}", ("truth", "taken for"), ("clips",))
    for count, target, one in sorted(wrong, key=lambda row: (-row[0], row[1:]))[:CONFUSED]:
        table.add_row(escape(shown(target, labels)), escape(shown(one, labels)), str(count))
    table.caption = "--confusion FILE.csv writes the whole matrix"
    console.print(table)


def _worst(console: Console, figures: ClassFigures, stage: str, labels: Sequence[str], count: int) -> None:
    rows = figures.worst[:count]
    if not rows:
        return
    table = _table(f"worst clips of {stage}", ("audio", "truth", "taken for"), ("margin", "share"))
    for row in rows:
        table.add_row(
            escape(row.audio),
            escape(shown(row.target, labels)),
            escape(shown(row.said, labels)),
            "-" if row.margin is None else f"{row.margin:.3f}",
            "-" if row.share is None else f"{row.share:.2g}",
        )
    table.caption = "margin: by how much the right class leads the best other; share: its softmax"
    console.print(table)


def _transcripts(console: Console, stage: str, figures: TranscriptFigures, count: int) -> None:
    console.print(
        f"{stage}: error rate {figures.error_rate:.2%} ({figures.edits} edits of {figures.said}), "
        f"{figures.right} of {figures.clips} clips without any"
    )
    if figures.real_time_factor is not None and figures.first_chunk_ms is not None:
        console.print(
            f"{stage}: real-time factor {figures.real_time_factor:.4f}, "
            f"first chunk {figures.first_chunk_ms:.3f} ms (median)"
        )
    if figures.worst[:count]:
        table = _table(f"worst clips of {stage}", ("audio", "said", "heard"), ("edits",))
        for row in figures.worst[:count]:
            table.add_row(escape(row.audio), escape(row.said), escape(row.heard), str(row.edits))
        console.print(table)


def _versus(console: Console, versus: Versus, labels: Sequence[str]) -> None:
    pair = f"{versus.candidate} against {versus.reference}"
    text = f"{pair}: alike on {versus.alike} of {versus.clips} clips"
    if versus.mcnemar is not None:
        test = versus.mcnemar
        kind = "exact" if test.exact else "chi-squared"
        text += (
            f"; {versus.reference} alone right on {test.only_reference}, {versus.candidate} alone on "
            f"{test.only_candidate}: p = {test.p_value:.3g} (McNemar, {kind})"
        )
    if versus.edits is not None and versus.heard:
        rate = versus.edits / versus.heard
        text += f"; {versus.edits} edits of {versus.heard} tokens heard: error rate {rate:.4f} against it"
    if versus.least_cosine is not None:
        text += (
            f"; cosine {versus.least_cosine:.6f} on the worst ({escape(versus.worst_clip or '')}), "
            f"{versus.mean_cosine:.6f} on average"
        )
    console.print(text)
    compared.flips(
        console,
        versus.flips,
        versus.clips - versus.alike,
        reference=versus.reference,
        candidate=versus.candidate,
        labels=labels,
    )

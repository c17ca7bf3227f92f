"""What `deploy eval` measured, as the parts of a report: tiles and tables, the last stage in detail."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deployer.evaluation.kinds import Measured
from deployer.evaluation.record import EvalRecord
from deployer.evaluation.versus import Versus
from deployer.labels import shown
from deployer.reporting.confusion import Confusion, from_counts
from deployer.reporting.environment import Fact, flat
from deployer.reporting.tabular import Column, Table, class_table
from deployer.reporting.tiles import Tile, percent

FLIPS = 100
"""Flips that are listed; the record has up to a thousand."""


@dataclass(frozen=True)
class EvalView:
    """One evaluation with what follows from it."""

    record: EvalRecord

    @property
    def title(self) -> str:
        """`eat over esc50, fold 5`."""
        data = self.record.dataset
        name = data.name or "/".join(Path(data.path).parts[-2:]).lstrip("/")
        folds = f", fold {', '.join(data.folds)}" if data.folds else ""
        return f"{self.record.model} over {name}{folds}"

    @property
    def last(self) -> Measured:
        """What the last stage came to; the one nearest to the board."""
        return self.record.stages[-1].measured

    @property
    def command(self) -> str:
        """What makes it once more."""
        record = self.record
        words = ["deploy", "eval", record.dataset.path]
        words += [word for stage in record.stages for word in ("--stage", stage.stage)]
        words += [word for fold in record.dataset.folds for word in ("--fold", fold)]
        return shlex.join(words + (["--board", record.board.name] if record.board is not None else []))

    @cached_property
    def confusion(self) -> Confusion | None:
        """Of the last stage, where the model has classes."""
        found = self.last.classes
        if found is None:
            return None
        counts = {(t, said): n for t, row in found.confusion.items() for said, n in row.items()}
        return from_counts(counts, self.record.labels)

    @property
    def classes(self) -> Table | None:
        """Precision and recall a class."""
        return class_table(self.confusion) if self.confusion is not None else None

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The last stage's figures."""
        data, stage = self.record.dataset, self.record.stages[-1].stage
        clips = Tile(name="clips", value=str(data.clips), note=f"{data.layout}; {data.distinct} distinct")
        return (*_figures(self.last, stage), clips)

    @property
    def stages(self) -> Table:
        """A row a stage: its figures side by side."""
        named = {stage.stage: [*_row(stage.measured)] for stage in self.record.stages}
        columns = [name for name, _, _ in next(iter(named.values()))]
        digits = [count for _, count, _ in next(iter(named.values()))]
        return Table(
            caption="Stages",
            columns=(
                Column(name="stage"),
                *(Column(name=n, kind="number", digits=d) for n, d in zip(columns, digits, strict=True)),
                Column(name="what ran it"),
            ),
            rows=tuple(
                (
                    stage.stage,
                    *(value for _, _, value in named[stage.stage]),
                    "; ".join((stage.detail, *stage.notes)),
                )
                for stage in self.record.stages
            ),
        )

    @property
    def versus(self) -> Table | None:
        """A row a pair of stages, with McNemar's test; None for one stage."""
        return _versus(self.record.versus) if self.record.versus else None

    @property
    def flips(self) -> tuple[Table, ...]:
        """What two stages decide otherwise, the closest first."""
        return tuple(_flips(each, self.record.labels) for each in self.record.versus if each.flips)

    @property
    def worst(self) -> Table | None:
        """The last stage's worst clips."""
        if self.last.classes is not None:
            return _worst_classes(self)
        return _misheard(self.last) if self.last.transcripts is not None else None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """On what, and with what."""
        record = self.record
        known = {
            "evaluation": record.id,
            "made": record.created,
            "deploy": record.tool_version,
            "data set": record.dataset.path,
            "folds": ", ".join(record.dataset.folds) or "all",
            "board": record.board.name if record.board is not None else "none",
        }
        return tuple(Fact(*pair) for pair in [*known.items(), *flat(record.settings)])

    @property
    def hashes(self) -> tuple[Fact, ...]:
        """SHA-256 of the data set and of each stage's model."""
        return tuple(Fact(name, digest) for name, digest in self.record.sha256.items())


def _figures(measured: Measured, stage: str) -> Iterator[Tile]:
    classes = measured.classes
    if classes is None:
        yield Tile(name=measured.metric, value=f"{measured.value:.4f}", note=f"by {stage}")
        return
    low, high = classes.interval
    note = f"{classes.right} of {classes.clips} by {stage}; 95 % interval {100 * low:.1f} to {percent(high)}"
    yield Tile(name="accuracy", value=percent(classes.accuracy), note=note)
    for k, share in classes.top.items():
        if int(k) > 1:
            yield Tile(name=f"top {k}", value=percent(share), note=f"the class is among the {k} best")
    yield Tile(name="macro F1", value=f"{classes.macro_f1:.3f}")
    if classes.calibration is not None:
        error = classes.calibration.expected_error
        yield Tile(name="calibration error", value=f"{error:.3f}", note="mean gap of sureness and accuracy")


def _row(measured: Measured) -> Iterator[tuple[str, int, float | None]]:
    if measured.classes is not None:
        found, calibration = measured.classes, measured.classes.calibration
        yield "accuracy, %", 1, 100 * found.accuracy
        yield "from, %", 1, 100 * found.interval[0]
        yield "to, %", 1, 100 * found.interval[1]
        yield "top 5, %", 1, 100 * found.top[5] if 5 in found.top else None
        yield "macro F1", 4, found.macro_f1
        yield "ECE", 4, calibration.expected_error if calibration else None
        yield "log loss", 4, calibration.log_loss if calibration else None
    elif measured.speakers is not None:
        for each in measured.speakers:
            yield f"EER, {each.protocol}, %", 2, 100 * each.equal_error_rate
            yield f"minDCF, {each.protocol}", 4, each.min_detection_cost
    elif measured.transcripts is not None:
        heard = measured.transcripts
        yield f"{measured.metric}, %", 2, 100 * heard.error_rate
        yield "edits", 0, heard.edits
        yield "tokens said", 0, heard.said
        yield "clips without an edit", 0, heard.right
        if heard.real_time_factor is not None:
            yield "real-time factor", 4, heard.real_time_factor
        if heard.first_chunk_ms is not None:
            yield "first chunk, median, ms", 3, heard.first_chunk_ms


def _versus(pairs: Sequence[Versus]) -> Table:
    return Table(
        caption="Stage against stage; p by McNemar's test, two-sided",
        columns=(
            Column(name="stage"),
            Column(name="against"),
            Column(name="clips", kind="number"),
            Column(name="decided alike", kind="number"),
            Column(name="right alone", kind="number"),
            Column(name="other right alone", kind="number"),
            Column(name="p", kind="number", digits=4),
            Column(name="least cosine", kind="number", digits=6),
            Column(name="edits", kind="number"),
        ),
        rows=tuple(
            (
                each.candidate,
                each.reference,
                each.clips,
                each.alike,
                each.mcnemar.only_candidate if each.mcnemar else None,
                each.mcnemar.only_reference if each.mcnemar else None,
                each.mcnemar.p_value if each.mcnemar else None,
                each.least_cosine,
                each.edits,
            )
            for each in pairs
        ),
    )


def _flips(pair: Versus, labels: Sequence[str]) -> Table:
    return Table(
        caption=f"Clips that {pair.candidate} decides otherwise than {pair.reference}, the closest first",
        columns=(
            Column(name="clip"),
            Column(name=pair.reference),
            Column(name=pair.candidate),
            Column(name="truth"),
            Column(name="lead of the first", kind="number", digits=4),
        ),
        rows=tuple(
            (
                flip.clip,
                shown(flip.reference.class_id, labels),
                shown(flip.candidate.class_id, labels),
                shown(flip.target, labels),
                flip.reference.margin,
            )
            for flip in pair.flips[:FLIPS]
        ),
    )


def _worst_classes(view: EvalView) -> Table:
    assert view.last.classes is not None
    labels = view.record.labels
    return Table(
        caption="Clips whose class leads by the least, or is behind",
        columns=(
            Column(name="clip"),
            Column(name="says"),
            Column(name="should be"),
            Column(name="lead of its class", kind="number", digits=3),
            Column(name="its share, %", kind="number", digits=1),
        ),
        rows=tuple(
            (
                worst.clip,
                shown(worst.said, labels),
                shown(worst.target, labels),
                worst.margin,
                None if worst.share is None else 100 * worst.share,
            )
            for worst in view.last.classes.worst
        ),
    )


def _misheard(measured: Measured) -> Table:
    assert measured.transcripts is not None
    return Table(
        caption="Clips with the most edits",
        columns=(
            Column(name="clip"),
            Column(name="edits", kind="number"),
            Column(name="said"),
            Column(name="heard"),
        ),
        rows=tuple((each.clip, each.edits, each.said, each.heard) for each in measured.transcripts.worst),
    )

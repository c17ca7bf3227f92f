"""An evaluation in a report: the last stage in detail, the stages side by side; counted by hand."""

from __future__ import annotations

import dataclasses
import re

from deployer.evaluation.kinds import Measured
from deployer.evaluation.transcript_figures import Misheard, TranscriptFigures
from deployer.metrics.detection import BestPoint
from deployer.metrics.speakers import Figures
from deployer.reporting import html, markdown
from deployer.reporting.evaluations import EvalView
from deployer.reporting.page import page
from tests.reporting import made


def _measured(measured: Measured) -> EvalView:
    record = made.evaluation()
    stages = tuple(dataclasses.replace(stage, measured=measured) for stage in record.stages)
    return EvalView(dataclasses.replace(record, stages=stages))


def test_the_last_stage_is_shown_in_detail() -> None:
    """Of four clips it has two right; its confusion, its classes and its worst clips are its own."""
    view = EvalView(made.evaluation())

    assert ("accuracy", "50.0 %") == (view.tiles[0].name, view.tiles[0].value)
    assert view.tiles[0].note.startswith("2 of 4 by fixed; 95 % interval 15.0 to 85.0 %")
    assert view.confusion is not None
    assert {(0, 0): 1, (1, 2): 1, (2, 2): 1, (2, 0): 1} == view.confusion.counts
    assert view.worst is not None
    assert {f"1-{made.EVIL}", f"3-{made.EVIL}"} == {row[0] for row in view.worst.rows[:2]}


def test_stages_stand_side_by_side() -> None:
    """A row a stage, and a row a pair with McNemar's p: two against none is 0.5 by the binomial."""
    view = EvalView(made.evaluation())

    assert [("onnx", 100.0), ("fixed", 50.0)] == [row[:2] for row in view.stages.rows]
    assert view.versus is not None
    assert [("fixed", "onnx", 4, 2, 0, 2, 0.5, None, None)] == list(view.versus.rows)
    assert [(made.EVIL, "1 <b>cat</b>", "2 rain|wind", "1 <b>cat</b>", 0.5)] == list(view.flips[0].rows)


def test_the_command_names_data_stages_and_folds() -> None:
    """Quoted for a shell."""
    assert (
        "deploy eval '/data/my clips' --stage onnx --stage fixed --fold 5"
        == EvalView(made.evaluation()).command
    )


def test_embeddings_and_transcripts_have_their_own_figures() -> None:
    """No classes, no confusion; the protocols of speakers, or the edits of words."""
    best = BestPoint(threshold=0.5, hit_rate=0.9, rejection_rate=0.9)
    figures = Figures(
        protocol="pairs",
        trials=10,
        targets=5,
        roc_auc=0.9,
        chance_roc_auc=0.5,
        equal_error_rate=0.125,
        min_detection_cost=0.5,
        best=best,
    )
    heard = TranscriptFigures(
        clips=2,
        right=1,
        said=8,
        edits=2,
        error_rate=0.25,
        worst=(Misheard(clip="a.wav", audio="/a.wav", said="one two", heard="<u>one", edits=2),),
    )
    speakers = _measured(Measured(metric="EER", value=0.125, higher_is_better=False, speakers=(figures,)))
    words = _measured(Measured(metric="CER", value=0.25, higher_is_better=False, transcripts=heard))

    assert ("onnx", 12.5, 0.5) == speakers.stages.rows[0][:3]
    assert ("onnx", 25.0, 2, 8, 1) == words.stages.rows[0][:5]
    assert words.worst is not None
    assert [("a.wav", 2, "one two", "<u>one")] == list(words.worst.rows)
    for view in (speakers, words):
        text = html.as_html(page(evaluations=[view.record]))
        assert not re.search("<u>", text)
        assert "Confusion" not in text
        assert markdown.as_markdown(page(evaluations=[view.record])).startswith(
            "# Evaluation: eat over data/my clips, fold 5\n"
        )

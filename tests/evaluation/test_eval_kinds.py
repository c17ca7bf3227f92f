"""Speakers and recognisers: their own metrics, over exported models with random weights and cases by hand."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from board_runner import audio
from board_runner.engine import load
from board_runner.errors import InputError, UsageError
from board_runner.graph import Graph
from board_runner.models import wenet
from board_runner.models.base import Embedding, Transcript, run_model
from deployer import cli
from deployer.datasets import voxceleb1
from deployer.evaluation import record
from deployer.evaluation.answers import Timed
from deployer.evaluation.dataset import Clip
from deployer.evaluation.speaker_figures import CosineTally, SpeakerTally
from deployer.evaluation.transcript_figures import HeardTally, TranscriptTally
from deployer.speakers import embed as speakers
from tests.ecapa.conftest import (  # noqa: F401  # fixtures
    small_checkpoint,
    small_export,
    tree,
    utterance,
)
from tests.evaluation import words
from tests.wenet.conftest import exported, folder, network  # noqa: F401


def _clip(name: str, truth: str) -> Clip:
    return Clip(path=Path("/set") / name, name=name, truth=truth)


def _project(place: Path, **model: str) -> Path:
    place.mkdir(exist_ok=True)
    (place / "deploy.yaml").write_text(json.dumps({"model": model}))
    return place


@pytest.mark.torch
def test_a_manifest_of_speakers_has_the_figures_of_deploy_speakers(
    small_export: Path,  # noqa: F811
    small_checkpoint: Path,  # noqa: F811
    tree: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Onnx and torch: the protocols, by the windows that the manifest states; the metric is their EER."""
    onnx = next(small_export.glob("ecapa*.onnx"))
    contract = Graph.load(onnx).contract
    assert contract is not None
    made = tmp_path / "voices"
    voxceleb1.make(tree, made, contract)
    project = _project(tmp_path / "p", name="ecapa", onnx=str(onnx), checkpoint=str(small_checkpoint))
    result = words.run(project, str(made), "--stage", "torch", "--stage", "onnx")
    one, two = (stage.measured for stage in record.of_fields(result, place="").stages)
    known = speakers.measure(made, deployed=onnx).figures[onnx.name]

    assert two.speakers is not None and one.speakers is not None
    assert [f.protocol for f in known] == [f.protocol for f in two.speakers]
    for a, b in zip(known, two.speakers, strict=True):
        assert (a.equal_error_rate, a.roc_auc, a.min_detection_cost) == pytest.approx(
            (b.equal_error_rate, b.roc_auc, b.min_detection_cost), abs=1e-9
        )
    assert ("equal error rate", two.speakers[0].equal_error_rate, False) == (
        two.metric,
        two.value,
        two.higher_is_better,
    )
    assert result["versus"][0]["least_cosine"] > 0.9999


def test_cosines_of_a_case_by_hand() -> None:
    """Two clips, one with equal embeddings and one at sixty degrees."""
    tally = CosineTally("float", "fixed")
    tally.add(_clip("a", "x"), Embedding(vector=(1.0, 0.0)), Embedding(vector=(1.0, 0.0)))
    tally.add(_clip("b", "x"), Embedding(vector=(1.0, 0.0)), Embedding(vector=(0.5, math.sqrt(0.75))))
    found = tally.versus()

    assert (2, 1, "b") == (found.clips, found.alike, found.worst_clip)
    assert (0.5, 0.75) == pytest.approx((found.least_cosine, found.mean_cosine))


def test_speakers_that_are_told_apart_have_no_error() -> None:
    """Two directions, two speakers: EER 0, AUC 1; with one speaker alone there is nothing to measure."""
    tally, alone = SpeakerTally(), SpeakerTally()
    for number, speaker in enumerate(("ann", "ann", "bob", "bob")):
        vector = (1.0, 0.1 * number) if speaker == "ann" else (0.1 * number, -1.0)
        tally.add(_clip(str(number), speaker), Embedding(vector=vector))
        alone.add(_clip(str(number), "ann"), Embedding(vector=vector))
    pairs = tally.figures()[0]

    assert ("pairs", 6, 0.0, 1.0) == (pairs.protocol, pairs.trials, pairs.equal_error_rate, pairs.roc_auc)
    with pytest.raises(InputError, match="both kinds"):
        alone.figures()


@pytest.mark.torch
def test_a_recogniser_is_measured_by_its_edits(
    exported: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Truths made of what the graphs say in our own interpreter, one spoilt by a token: one edit in all."""
    project = _project(tmp_path / "p", name="wenet")
    shutil.copytree(exported, project / ".deploy" / "export")
    contract = Graph.load(exported / "wenet_encoder.onnx").contract
    assert contract is not None
    joined = wenet.Joined(load(exported / "wenet_encoder.onnx"), load(exported / "wenet_ctc.onnx"))
    rows, count = ["path\ttokens"], 0
    for number in range(2):
        noise = np.random.default_rng(number).normal(0, 3000, 24000 + 8000 * number)
        words.write_wav(tmp_path / f"{number}.wav", noise.clip(-32768, 32767))
        samples = audio.read_wav(tmp_path / f"{number}.wav").samples[0]
        heard = [*wenet.decode(run_model(wenet, joined, samples, contract)).tokens, *([7] * number)]
        rows.append(f"{number}.wav\t{' '.join(map(str, heard))}")
        count += len(heard)
    (tmp_path / "said.tsv").write_text("\n".join(rows) + "\n")
    result = words.run(project, str(tmp_path / "said.tsv"))
    found = record.of_fields(result, place="").stages[0].measured

    assert found.transcripts is not None and count > 2
    assert (1, count, 1 / count) == (found.transcripts.edits, found.transcripts.said, found.value)
    assert "1.wav" == found.transcripts.worst[0].clip
    argv = ["eval", str(tmp_path / "said.tsv"), "-q", "--config", str(project / "deploy.yaml")]
    assert 1 == cli.execute([*argv, "--max-metric", "0"])
    assert 2 == cli.execute([*argv, "--stage", "float"])
    assert "its stage is onnx" in capsys.readouterr().err


def test_texts_are_compared_by_character() -> None:
    """With units: "kitten" heard for "sitting" is three edits of seven (Levenshtein's own kind of case)."""
    units = ["<blank>", *"kiten"]
    tally = TranscriptTally(units)
    tally.add(_clip("a", "sitting"), Transcript(tokens=(1, 2, 3, 3, 4, 5), score=-1.0))
    tally.add(_clip("b", "ten  kit"), Transcript(tokens=(3, 4, 5), score=-1.0))
    found = tally.figures()

    assert (3 + 4, 7 + 7, 0.5, 0) == (found.edits, found.said, found.error_rate, found.right)
    assert [("b", "ten kit", "ten"), ("a", "sitting", "kitten")] == [
        (w.clip, w.said, w.heard) for w in found.worst
    ]


def test_a_boards_times_are_those_of_all_clips_together() -> None:
    """By hand: 3 s of work for 30 s of audio are 0.1; the first chunks' median is that of three."""
    tally = TranscriptTally(None)
    clips = (("a", 900.0, 30.0, 10.0), ("b", 2000.0, 10.0, 15.0), ("c", 100.0, 20.0, 5.0))
    for name, busy_ms, first_ms, audio_s in clips:
        heard = Timed(tokens=(1,), score=-1.0, busy_ms=busy_ms, first_chunk_ms=first_ms, audio_s=audio_s)
        tally.add(_clip(name, "1"), heard)
    found = tally.figures()

    assert found.real_time_factor == pytest.approx(0.1) and found.first_chunk_ms == 20.0
    assert (3, 0.0) == (found.right, found.error_rate)


def test_silence_has_no_error_rate() -> None:
    """Nothing said at all is told; and two stages that hear the same are alike whatever they score."""
    with pytest.raises(UsageError, match="at least one token"):
        TranscriptTally(None).figures()
    tally = HeardTally("torch", "onnx")
    tally.add(_clip("a", "1"), Transcript(tokens=(1,), score=-1.0), Transcript(tokens=(1,), score=-2.0))
    tally.add(_clip("b", "1"), Transcript(tokens=(1,), score=-1.0), Transcript(tokens=(2,), score=-1.0))

    assert (2, 1) == (tally.versus().clips, tally.versus().alike)

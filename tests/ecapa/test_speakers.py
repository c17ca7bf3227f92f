"""Protocols over embeddings, and a checkpoint beside what is deployed of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from board_runner.errors import InputError, ModelError, UsageError
from deployer import cli
from deployer.datasets import voxceleb1
from deployer.metrics import speakers as metrics
from deployer.metrics.speakers import Embedded
from deployer.metrics.trial_list import listed
from deployer.speakers import embed as speakers
from deployer.speakers.report import SpeakerReport


def _random(clips: int, count: int) -> Embedded:
    vectors = np.random.default_rng(9).standard_normal((clips, 192))
    return Embedded(vectors=vectors, speakers=tuple(f"s{i % count}" for i in range(clips)))


def test_trials_worked_by_hand() -> None:
    """Two clips of a at right angles, one of b opposite to the first: every score of every protocol."""
    embedded = Embedded(vectors=np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]), speakers=("a", "a", "b"))
    half = np.sqrt(0.5)
    by_pair = metrics.pairs(embedded)
    assert by_pair.scores == pytest.approx([0, -1, 0])
    assert list(by_pair.target) == [True, False, False]
    by_seed = metrics.seed(embedded)
    assert by_seed.scores == pytest.approx([half, -1, half, 0, -half, 1])
    assert list(by_seed.target) == [True, False, True, False, False, True]
    left = metrics.leave_one_out(embedded)  # the one clip of b has no other of its speaker
    assert left.scores == pytest.approx([0, -1, 0, 0, -half])
    assert list(left.target) == [True, False, True, False, False]


def test_random_embeddings_score_by_the_seeds_protocol() -> None:
    """4648 clips of 40 speakers, as the seed has: about 0.82 by its protocol, 0.5 by the others."""
    by_seed, left = metrics.measure(_random(4648, 40), ("seed", "leave one out"))
    assert by_seed.roc_auc == pytest.approx(0.8195, abs=0.01)
    assert by_seed.chance_roc_auc == pytest.approx(by_seed.roc_auc, abs=0.01)
    assert left.roc_auc == pytest.approx(0.5, abs=0.02)
    assert left.chance_roc_auc == 0.5
    [few] = metrics.measure(_random(400, 40), ("seed",))
    assert few.chance_roc_auc > 0.99
    assert "0.8" in metrics.as_table([by_seed])


def test_protocols_of_too_many_trials_are_left_out_and_told() -> None:
    """VoxCeleb1's 148 642 training clips make eleven thousand million pairs; what is small enough is measured."""
    told = metrics.too_many([f"s{i % 1211}" for i in range(148_642)])
    assert told["pairs"] == 148_642 * 148_641 // 2
    rows = metrics.measure(_random(40, 4), most=200)
    assert [row.protocol for row in rows] == ["leave one out", "seed"]
    report = SpeakerReport(
        clips=40, speakers=4, left_out=0, seed=0, figures={"m": rows}, agreement=None, too_many={"pairs": 780}
    )
    assert "pairs: left out, 780 trials are too many" in report.as_text()
    assert report.as_data()["too_many"] == {"pairs": 780}


def test_perfect_embeddings_have_no_error() -> None:
    """Every speaker one direction: all protocols at 1, no error, no cost."""
    directions = np.eye(5)
    names = [f"s{i % 5}" for i in range(20)]
    embedded = Embedded(vectors=np.stack([directions[int(n[1])] for n in names]), speakers=tuple(names))
    for row in metrics.measure(embedded):
        assert (row.roc_auc, row.equal_error_rate, row.min_detection_cost) == (1, 0, 0)


def test_embeddings_without_a_direction_are_refused() -> None:
    """Zero, not finite, or not one for each clip; a single speaker makes no trials."""
    with pytest.raises(InputError, match="not finite, or zero"):
        Embedded(vectors=np.zeros((1, 3)), speakers=("a",))
    with pytest.raises(InputError, match="2 embeddings of 1"):
        Embedded(vectors=np.ones((2, 3)), speakers=("a",))
    with pytest.raises(InputError, match="both kinds"):
        metrics.measure(Embedded(vectors=np.ones((2, 3)), speakers=("a", "a")))


def test_a_published_list_of_trials_is_read() -> None:
    """Its scores are the cosines, what is not there is counted, and a line that is no trial is named."""
    embedded = Embedded(vectors=np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]), speakers=("a", "a", "b"))
    files = ["a/x/1.wav", "a/y/2.wav", "b/z/3.wav"]
    text = "1 a/x/1.wav a/y/2.wav\n\n0 a/x/1.wav b/z/3.wav\n0 a/x/1.wav c/q/9.wav\n"
    trials, absent = listed(text, embedded, files, place="list.txt")
    assert trials.scores == pytest.approx([np.sqrt(0.5), 0])
    assert (list(trials.target), absent) == ([True, False], 1)
    with pytest.raises(InputError, match=r"list\.txt, line 2"):
        listed("1 a/x/1.wav a/y/2.wav\nsame a/x/1.wav a/y/2.wav\n", embedded, files, place="list.txt")
    with pytest.raises(InputError, match="none of its 1 trials"):
        listed("1 q w\n", embedded, files, place="list.txt")


@pytest.mark.torch
def test_a_checkpoint_and_what_is_deployed_of_it_agree(
    tree: Path,
    tmp_path: Path,
    small_checkpoint: Path,
    small_export: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`deploy speakers`: every clip's two embeddings alike, the same figures from both, by every protocol."""
    out = tmp_path / "out"
    voxceleb1.make(tree, out)
    trials = tmp_path / "trials.txt"
    trials.write_text(
        "1 id10270/v-A/00000.wav id10270/v_B/00001.wav\n0 id10270/v-A/00000.wav id10271/v-A/00000.wav\n"
    )
    deployed = small_export / "ecapa_sim.onnx"
    words = ["speakers", str(out), "--onnx", str(deployed), "--checkpoint", str(small_checkpoint)]
    assert cli.execute([*words, "--trials", str(trials), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agreement"]["least_cosine"] > 0.999999
    assert [row["protocol"] for row in told["figures"]["checkpoint"]] == [*metrics.PROTOCOLS, "listed"]
    for one, two in zip(told["figures"]["checkpoint"], told["figures"][deployed.name], strict=True):
        assert one["roc_auc"] == pytest.approx(two["roc_auc"], abs=0.05)


@pytest.mark.torch
def test_a_deployed_model_that_differs_is_found(
    tree: Path,
    tmp_path: Path,
    small_checkpoint: Path,
    small_export: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One weight matrix turned round: exit code 1, and the worst clip is named."""
    out = tmp_path / "out"
    voxceleb1.make(tree, out)
    model = onnx.load(small_export / "ecapa_sim.onnx")
    weight = max(
        (tensor for tensor in model.graph.initializer if len(tensor.dims) == 2), key=lambda t: t.dims[1]
    )
    spoilt = numpy_helper.from_array(numpy_helper.to_array(weight)[::-1].copy(), weight.name)
    weight.CopyFrom(spoilt)
    onnx.save(model, tmp_path / "spoilt.onnx")
    words = ["speakers", str(out), "--onnx", str(tmp_path / "spoilt.onnx"), "--checkpoint"]
    assert cli.execute([*words, str(small_checkpoint), "-q"]) == 1
    assert ".wav: cosine" in capsys.readouterr().err


@pytest.mark.torch
def test_what_does_not_fit_together_is_refused(tree: Path, tmp_path: Path, small_export: Path) -> None:
    """Nothing to run, windows of another length than the model's, a model that is no embedding's."""
    from board_runner.contract import InputContract
    from board_runner.float_engine import FloatEngine
    from board_runner.models import eat
    from deployer.datasets.manifest import load

    out = tmp_path / "out"
    voxceleb1.make(tree, out)
    with pytest.raises(UsageError, match="nothing to run"):
        speakers.measure(out)
    engine = FloatEngine.load(small_export / "ecapa_sim.onnx")
    contract = engine.graph.contract
    assert contract is not None
    shorter = InputContract.from_json(
        contract.to_json().replace("200", "100")  # frames and the shapes made of them
    )
    with pytest.raises(InputError, match="200 frames at 16000 Hz, the model takes 100"):
        speakers.embed(load(out), out, engine, shorter, name="engine")
    with pytest.raises(ModelError, match="not a contract of the speaker mel front end"):
        speakers.embed(load(out), out, engine, eat.contract(), name="engine")

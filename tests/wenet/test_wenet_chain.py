"""A project of the recogniser through the chain: convert, compare-sim, eval, all with its state."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from board_runner.engine import load
from board_runner.models import wenet
from board_runner.models.base import Transcript, run_model
from deployer import cli
from deployer.evaluation.dataset import Clip
from deployer.evaluation.transcript_figures import HeardTally
from tests.wenet.streams import Streamed

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def converted(streamed: Streamed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the exported graph and two clips, converted at L2."""
    root = tmp_path_factory.mktemp("chain")
    (root / "deploy.yaml").write_text("model: {name: wenet}\naudio: {clips: clips}\n", encoding="utf-8")
    (root / ".deploy" / "export").mkdir(parents=True)
    shutil.copy2(streamed.onnx, root / ".deploy" / "export" / "wenet_static.onnx")
    (root / "clips").mkdir()
    for number, clip in enumerate(streamed.clips):
        soundfile.write(root / "clips" / f"{number}.wav", clip, 16000, subtype="FLOAT")
    assert 0 == cli.execute(_words(root, "convert", "--direct", "--quant-level", "L2"))
    return root


def _words(root: Path, *words: str) -> list[str]:
    return [*words, "-q", "--config", str(root / "deploy.yaml")]


def _json(capsys: pytest.CaptureFixture[str], words: Sequence[str]) -> Any:
    capsys.readouterr()
    assert 0 == cli.execute([*words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_stages_are_compared_over_whole_clips(
    converted: Path, streamed: Streamed, capsys: pytest.CaptureFixture[str]
) -> None:
    """onnx, float, fixed, offline: the last two alike in every bit of every clip, all frames of all chunks."""
    asked = ["compare-sim", "onnx", "float", "fixed", "offline", "--save", str(converted / "kept")]
    rows = _json(capsys, _words(converted, *asked, "--jobs", "1"))["comparisons"]
    pairs = {(row["reference"], row["candidate"]): row for row in rows}
    assert pairs["onnx", "float"]["max_abs"] < 1e-4
    assert 30 < pairs["float", "fixed"]["sqnr_db"] and pairs["fixed", "offline"]["max_abs"] == 0
    assert {"logits", "encoded"} == {row["tensor"] for row in pairs["float", "fixed"]["clips"]}
    stored = np.load(converted / "kept" / "float" / "clips" / "0.wav.npz")
    assert np.array_equal(stored["logits"], streamed.reference[0])


def test_greedy_answers_are_counted_against_floats(
    converted: Path, streamed: Streamed, capsys: pytest.CaptureFixture[str]
) -> None:
    """What float hears is the truth here: its error rate is 0, the integers' is their edits from it."""
    heard = [
        [wenet.decode(run_model(wenet, engine, clip, streamed.contract)).tokens for clip in streamed.clips]
        for engine in (streamed.float_engine, load(next((converted / ".deploy").rglob("eat_fixed.sim"))))
    ]
    rows = [f"clips/{i}.wav\t{' '.join(map(str, tokens))}" for i, tokens in enumerate(heard[0])]
    (converted / "said.tsv").write_text("\n".join(["path\ttokens", *rows, ""]), encoding="utf-8")
    stages = [word for name in ("onnx", "float", "fixed", "offline") for word in ("--stage", name)]
    found = _json(capsys, _words(converted, "eval", str(converted / "said.tsv"), *stages))
    rates = {stage["stage"]: stage["measured"]["value"] for stage in found["stages"]}
    assert 0 == rates["onnx"] == rates["float"] and rates["fixed"] == rates["offline"]
    versus = {(row["reference"], row["candidate"]): row for row in found["versus"]}
    against = versus["float", "fixed"]
    assert sum(map(len, heard[0])) == against["heard"] > 0
    assert rates["fixed"] == pytest.approx(against["edits"] / against["heard"])
    assert (heard[0] == heard[1]) == (against["edits"] == 0) and versus["fixed", "offline"]["edits"] == 0


def test_edits_between_stages_are_counted_by_what_the_reference_heard() -> None:
    """Two replaced of three and one added to two: three edits of five tokens."""
    tally = HeardTally("float", "fixed")
    clip = Clip(name="a", path=Path("a.wav"), truth="")
    for first, second in (((1, 2, 3), (1, 4, 5)), ((1, 2), (1, 2, 2))):
        tally.add(clip, Transcript(tokens=first, score=0.0), Transcript(tokens=second, score=0.0))
    found = tally.versus()
    assert (2, 0, 3, 5) == (found.clips, found.alike, found.edits, found.heard)


def test_what_is_current_is_not_converted_again(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same words again change nothing; another level does."""
    path = next((converted / ".deploy").rglob("eat.img"))
    before = path.stat().st_mtime_ns
    assert 0 == cli.execute(_words(converted, "convert", "--direct", "--quant-level", "L2"))
    assert before == path.stat().st_mtime_ns


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare-sim", "fixed", "board"], "one input a clip"),
        (["compare-sim", "float", "fixed", "--layers"], "state that is carried"),
        (
            ["convert", "--direct", "--quant-level", "L2", "--simulate"],
            "does not simulate a model with state",
        ),
        (["compare-sim", "torch", "fixed"], "has no stage torch"),
    ],
)
def test_what_has_no_state_says_so(
    converted: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A board's simulator, the table of layers, convert.sh's simulation and PyTorch are refused in a sentence."""
    assert 2 == cli.execute(_words(converted, *words))
    assert said in capsys.readouterr().err


def test_the_vendors_tools_are_not_guessed_at(
    converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """How they take several inputs is not known: said before anything is laid out in their folders."""
    shutil.copytree(converted, tmp_path / "p")
    for name in ("models", "tools"):
        (tmp_path / name).mkdir()
    tools = f"toolchain: {{models_dir: {tmp_path}/models, tools_dir: {tmp_path}/tools}}\n"
    with (tmp_path / "p" / "deploy.yaml").open("a", encoding="utf-8") as file:
        file.write(tools)
    assert 2 == cli.execute(_words(tmp_path / "p", "convert"))
    assert "how the vendor's tools take these" in capsys.readouterr().err
    assert not list((tmp_path / "models").iterdir())

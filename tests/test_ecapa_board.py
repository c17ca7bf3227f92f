"""ECAPA-TDNN through the whole chain: a checkpoint becomes an image, and a board says what it should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner import audio, models
from board_runner.integer import image
from board_runner.integer.engine import OfflineEngine
from board_runner.models.base import run_model
from board_runner.simboard import SimBoard, SimBoardConfig
from deployer import cli, prepare, program
from tests.ecapa.conftest import network_of, voice, write_checkpoint
from toolchain_wrappers import standin

pytestmark = pytest.mark.torch
CLIPS = [f"{speaker}-{clip}.wav" for speaker in ("ann", "bob") for clip in range(2)]
STAGES = ("clips/labels.csv", "--stage", "offline", "--stage", "board")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A converted small network of 192 outputs in a project of four hums, the built-in tools, and a board."""
    for tool in ("torch", "onnxsim"):
        pytest.importorskip(tool, reason=f"{tool} is not installed")
    root = tmp_path_factory.mktemp("ecapa-board")
    tree = standin.make(root / "tools")
    wide = network_of("seed", width=192).state_dict()
    trained = write_checkpoint(root / "trained", "seed", wide, width=192)
    (root / "clips").mkdir()
    for number, name in enumerate(CLIPS):
        samples, _ = prepare.to_int16(voice(110 + 90 * (number // 2), 2.2 + 0.3 * number, number))
        (root / "clips" / name).write_bytes(prepare.wav_bytes(samples, 16000))
    truth = "".join(f"{name},{name[:3]}\n" for name in CLIPS)
    (root / "clips" / "labels.csv").write_text("filename,speaker\n" + truth, encoding="utf-8")
    with SimBoard(SimBoardConfig()).start() as sim, pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DEPLOY_STATE_DIR", str(root / "state"))
        settings = {
            "model": {"name": "ecapa", "checkpoint": str(trained)},
            "audio": {"clips": "clips"},
            "toolchain": {"models_dir": str(tree.models_dir), "tools_dir": str(tree.tools_dir)},
            "boards": {
                "sim": {
                    "host": sim.host,
                    "port": sim.port,
                    "key": str(sim.client_key_path),
                    "directory": "/customer/x",
                }
            },
        }
        (root / "deploy.yaml").write_text(json.dumps(settings), encoding="utf-8")
        for words in (["export"], ["convert"]):
            assert cli.execute([*words, "-q"]) == 0
        yield root


def _offline(root: Path) -> dict[str, bytes]:
    """Clip -> the float32 bytes of its embedding, by the image's own engine."""
    (found,) = (root / ".deploy" / "artifacts").rglob("eat.img")
    contract, engine, model = image.read(found).contract, OfflineEngine.load(found), models.get("ecapa")
    wavs = {name: audio.require(audio.read_wav(root / "clips" / name), 16000) for name in CLIPS}
    ran = {name: run_model(model, engine, samples, contract)[0] for name, samples in wavs.items()}
    return {name: outputs["embedding"].astype("<f4").tobytes() for name, outputs in ran.items()}


def test_the_boards_embeddings_are_the_offline_simulators_bit_for_bit(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """push and bench: every embedding that came over the board's lines has the bits of the image's own engine."""
    benched = _json(capsys, ["bench", "--runs", "1"])

    record = benched["record"]
    assert (len([s for s in record["samples"] if not s["warm_up"]]), record["failures"]) == (4, [])
    answers = {answer["clip"]: answer for answer in record["answers"]}
    assert {clip: bytes.fromhex(answer["said"]["hex"]) for clip, answer in answers.items()} == _offline(
        project
    )
    assert all(a["offline_equal"] and a["offline_cosine"] == pytest.approx(1) for a in answers.values())
    assert {s["answer"] for s in record["samples"]} == {answer["key"] for answer in answers.values()}


def test_a_run_and_a_report_show_norm_and_cosine(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`deploy run` says the norm that numpy finds, and the report tells that the bits are the same."""
    capsys.readouterr()
    assert cli.execute(["run", CLIPS[0], "-q"]) == 0

    said = capsys.readouterr().out
    norm = np.linalg.norm(np.frombuffer(_offline(project)[CLIPS[0]], "<f4").astype(np.float64))
    assert f"embedding:         norm {norm:.6g}, offline cosine 1.000000 (same bits)" in said
    for form in ("html", "md", "junit", "csv"):
        assert cli.execute(["report", "--format", form, "--out", f"report.{form}", "-q"]) == 0
    assert "1 of 1 answers are the offline simulator" in (project / "report.html").read_text(encoding="utf-8")
    assert "same bits" in (project / "report.md").read_text(encoding="utf-8")


def test_what_explains_a_run_holds_its_embeddings_against_the_simulators(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy explain` finds nothing wrong of a good run, and proves of a changed embedding that it is another."""
    run = _json(capsys, ["run", CLIPS[1]])["run"]
    good = _json(capsys, ["explain", run, "--offline"])
    assert cli.execute(["history", "export", run, "--out", "kept", "-q"]) == 0
    (kept,) = (project / "kept").iterdir()
    record = json.loads(kept.read_text(encoding="utf-8"))
    record["answers"][0] |= {"offline_equal": False, "offline_cosine": 0.5}
    kept.write_text(json.dumps(record), encoding="utf-8")
    capsys.readouterr()
    assert cli.execute(["explain", str(kept), "--offline", "--json", "-q"]) == 1
    bad = json.loads(capsys.readouterr().out)

    assert (good["cause"], good["findings"][-1]["verdict"]) == (None, "fine")
    assert "bit for bit, 1 of 1 times" in good["findings"][-1]["what"]
    assert (bad["cause"]["check"], bad["cause"]["verdict"]) == ("replay", "proven")
    assert "offline cosine 0.500000 (other bits)" in bad["cause"]["evidence"][0]


def test_the_boards_own_metric_is_the_offline_stages(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy eval`: EER of the board is the offline stage's, from tensors and from printed lines alike."""
    shown = _json(capsys, ["eval", *STAGES])
    settings = json.loads((project / "deploy.yaml").read_text(encoding="utf-8"))
    built = program.build_python_program(project / "prog_sid_ecapa", program.ENTRY)
    (project / "printing.yaml").write_text(json.dumps(settings | {"program": str(built)}), encoding="utf-8")
    printed = _json(capsys, ["eval", *STAGES, "--config", "printing.yaml"])

    for record in (shown, printed):
        offline, board = (stage["measured"] for stage in record["stages"])
        assert (offline["metric"], offline["value"]) == ("equal error rate", board["value"])
        assert record["versus"][0]["least_cosine"] == pytest.approx(1, abs=1e-9)
    # Both simulators write tensors as text of six decimals; the board program's lines hold every bit.
    assert [record["versus"][0]["alike"] for record in (shown, printed)] == [4, 0]
    assert "board program prints" in printed["stages"][1]["notes"][0]


def _json(capsys: pytest.CaptureFixture[str], words: list[str]) -> Any:
    capsys.readouterr()
    assert cli.execute([*words, "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)

"""WeNet on a board: the program runs chunk after chunk with carried state and prints what greedy CTC hears."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from board_runner import prog_sed_eat
from board_runner.engine import load
from board_runner.models import wenet
from board_runner.models.base import Transcript, run_model
from board_runner.simboard import SimBoard, SimBoardConfig
from deployer import cli
from deployer.logs import parser
from deployer.logs.said import Heard
from tests.wenet.streams import Streamed

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def project(streamed: Streamed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A converted project of the small recogniser with two clips, and a board."""
    root = tmp_path_factory.mktemp("wenet-board")
    (root / ".deploy" / "export").mkdir(parents=True)
    shutil.copy2(streamed.onnx, root / ".deploy" / "export" / "wenet_static.onnx")
    (root / "clips").mkdir()
    for number, clip in enumerate(streamed.clips):
        soundfile.write(root / "clips" / f"{number}.wav", clip, 16000, subtype="FLOAT")
    with SimBoard(SimBoardConfig()).start() as sim, pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DEPLOY_STATE_DIR", str(root / "state"))
        board = {
            "host": sim.host,
            "port": sim.port,
            "key": str(sim.client_key_path),
            "directory": "/customer/x",
        }
        settings = {"model": {"name": "wenet"}, "audio": {"clips": "clips"}, "boards": {"sim": board}}
        (root / "deploy.yaml").write_text(json.dumps(settings), encoding="utf-8")
        assert cli.execute(["convert", "--direct", "--quant-level", "L2", "-q"]) == 0
        yield root


def _heard(streamed: Streamed, model: Path) -> list[Transcript]:
    """Of each clip, by the model's engine on this host."""
    engine = load(model)
    return [wenet.decode(run_model(wenet, engine, clip, streamed.contract)) for clip in streamed.clips]


@pytest.mark.parametrize("form", ["image", "onnx"])
def test_the_program_prints_what_the_models_own_engine_hears(
    form: str,
    streamed: Streamed,
    fixed: dict[int, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Eight chunks with carried state, from the integer image and from the float graph alike."""
    model = fixed[8].with_suffix(".img") if form == "image" else streamed.onnx
    for number, clip in enumerate(streamed.clips):
        soundfile.write(tmp_path / f"{number}.wav", clip, 16000, subtype="FLOAT")

    assert prog_sed_eat.main(["-i", str(tmp_path), "-m", str(model)]) == 0

    outputs = parser.parse_stream(capsys.readouterr().out)
    wanted = [Heard(tokens=one.tokens, score=one.score, chunks=8) for one in _heard(streamed, model)]
    assert [output.said for output in outputs] == wanted
    assert any(one.tokens for one in wanted)
    for output in outputs:
        assert output.first_chunk_ms is not None and output.invoke_ms is not None
        assert 0 < output.first_chunk_ms < output.invoke_ms


def test_run_and_bench_hear_what_the_offline_simulator_hears(
    project: Path, streamed: Streamed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The image goes on the board and answers there; tokens and their score are the host's, to the bit."""
    (image,) = (project / ".deploy" / "artifacts").rglob("eat.img")
    wanted = _heard(streamed, image)

    ran = _json(capsys, ["run", "0.wav"])
    record = _json(capsys, ["bench", "--runs", "1"])["record"]

    assert tuple(ran["answer"]["said"]["tokens"]) == wanted[0].tokens
    said = {answer["clip"]: answer for answer in record["answers"]}
    assert [tuple(said[f"{n}.wav"]["said"]["tokens"]) for n in range(2)] == [one.tokens for one in wanted]
    assert all(answer["offline_equal"] for answer in said.values()) and record["failures"] == []
    assert all(0 < s["first_chunk_ms"] < s["invoke_ms"] for s in record["samples"])
    assert cli.execute(["report", "--format", "md", "--out", "report.md", "-q"]) == 0
    assert " ".join(map(str, wanted[0].tokens)) in (project / "report.md").read_text(encoding="utf-8")


def test_a_run_tells_the_text_where_the_units_are_known(
    project: Path, streamed: Streamed, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `labels:` naming the file of units, tokens become their units, a word piece's mark a space."""
    units = ["<blank>", "\N{LOWER ONE EIGHTH BLOCK}to", *"bcdefghij"]
    (project / "units.txt").write_text(
        "".join(f"{unit} {n}\n" for n, unit in enumerate(units)), encoding="utf-8"
    )
    settings = json.loads((project / "deploy.yaml").read_text(encoding="utf-8"))
    settings["model"]["labels"] = "units.txt"
    (project / "spelt.yaml").write_text(json.dumps(settings), encoding="utf-8")
    (image,) = (project / ".deploy" / "artifacts").rglob("eat.img")
    tokens = _heard(streamed, image)[0].tokens

    capsys.readouterr()
    assert cli.execute(["run", "0.wav", "-q", "--config", "spelt.yaml"]) == 0

    wanted = "".join({0: "", 1: " to"}.get(token, units[token]) for token in tokens).strip()
    assert f"transcript:        {wanted}" in capsys.readouterr().out.splitlines()


def test_the_board_has_an_error_rate_a_real_time_factor_and_a_first_chunk(
    project: Path, streamed: Streamed, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy eval`: the board's error rate is the offline stage's; how fast it was is known of the board alone."""
    truth = _heard(streamed, streamed.onnx)
    rows = [f"clips/{n}.wav\t{' '.join(map(str, one.tokens))}" for n, one in enumerate(truth)]
    (project / "said.tsv").write_text("\n".join(["path\ttokens", *rows, ""]), encoding="utf-8")

    record = _json(capsys, ["eval", "said.tsv", "--stage", "offline", "--stage", "board"])

    offline, board = (stage["measured"] for stage in record["stages"])
    assert (offline["metric"], offline["value"]) == ("character error rate", board["value"])
    assert record["versus"][0]["alike"] == 2
    assert offline["transcripts"]["real_time_factor"] is None
    assert board["transcripts"]["real_time_factor"] > 0 and board["transcripts"]["first_chunk_ms"] > 0


def _json(capsys: pytest.CaptureFixture[str], words: list[str]) -> Any:
    capsys.readouterr()
    assert cli.execute([*words, "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)

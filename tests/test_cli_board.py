"""`deploy board`: a simulated board on the command line, probed, and forgotten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer import cli


def _ready(folder: Path) -> dict[str, Any]:
    """Settings of a project whose model and program need no conversion and no build."""
    (folder / "eat.img").write_bytes(b"an image")
    (folder / "prog.sh").write_text("#!/bin/sh\n")
    return {"model": {"image": "eat.img"}, "program": "prog.sh"}


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """`deploy board sim` in a process of its own, and a deploy.yaml that knows it; gives what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    words = [str(Path(sys.executable).with_name("deploy")), "board", "sim", "--chip", "maruko", "--no-sftp"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        said: dict[str, Any] = json.loads(process.stdout.readline())
        board = {"host": said["host"], "port": said["port"], "key": said["key"]}
        (tmp_path / "deploy.yaml").write_text(json.dumps({"boards": {"desk": board}, **_ready(tmp_path)}))
        yield said
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(20)


@pytest.mark.usefixtures("simulated")
def test_a_board_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Chip, machine and free space come from the board itself."""
    assert 0 == cli.execute(["board", "probe", "--json"])

    facts = json.loads(capsys.readouterr().out)
    assert ("maruko", os.uname().machine) == (facts["chip"], facts["machine"])
    assert facts["free_kib"] > 0


@pytest.mark.usefixtures("simulated")
def test_a_known_host_key_is_forgotten_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Trust on first use, then `forget`; a second time there is nothing to forget."""
    assert 0 == cli.execute(["board", "probe", "-q"])
    capsys.readouterr()

    for known in (True, False):
        assert 0 == cli.execute(["board", "forget", "desk", "--json"])
        assert known == json.loads(capsys.readouterr().out)["forgotten"]


@pytest.mark.usefixtures("simulated")
def test_a_misspelt_board_is_not_forgotten_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no board's, and no address whose key is known, is an error with the nearest name."""
    assert 2 == cli.execute(["board", "forget", "dsek"])
    said = capsys.readouterr()

    assert "no board 'dsek' in the inventory" in said.err and "did you mean 'desk'?" in said.err
    assert "no host key was known" not in said.out


@pytest.mark.usefixtures("simulated")
def test_a_model_for_another_chip_is_not_pushed(capsys: pytest.CaptureFixture[str]) -> None:
    """The model is for pcupid, this board is a maruko: refused before anything is sent."""
    assert 2 == cli.execute(["push", "-q"])

    assert "the model is for pcupid, the board is a maruko; nothing was sent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["push"], 2, "no board known"),
        (["push", "--board", "a b"], 2, "is not the address of a board"),
        (["bench", "--runs", "0"], 2, "--runs"),
        (["convert", "--config", "none.yaml"], 2, "no such file"),
        (["push", "--board", "127.0.0.1:1"], 4, "127.0.0.1:1"),
        (["report"], 2, "no run yet"),
        (["compare-sim", "float"], 2, "two or more"),
        (["compare-sim", "float", "flxed"], 2, "no stage 'flxed'"),
        (["compare-sim", "torch", "onnx"], 2, "needs a checkpoint"),
        (["export"], 2, "no checkpoint"),
        (["parse", "none.log"], 2, "none.log"),
    ],
)
def test_what_cannot_work_ends_in_one_message_and_its_code(
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every refusal names the fault; no traceback for what a user can act on."""
    monkeypatch.chdir(tmp_path)
    if code == 4:
        (tmp_path / "deploy.yaml").write_text(json.dumps(_ready(tmp_path)))
    assert code == cli.execute([*words])

    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_without_a_converted_model_push_names_the_command_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cure is one command."""
    monkeypatch.chdir(tmp_path)

    assert 2 == cli.execute(["push", "--board", "127.0.0.1:1"])
    assert "deploy convert" in capsys.readouterr().err


def test_a_wav_that_the_program_would_refuse_is_refused_before_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another rate ends with the cure and without a connection."""
    import numpy as np
    import soundfile

    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "a.wav", np.zeros(44100, np.float32), 44100, subtype="PCM_16")
    (tmp_path / "deploy.yaml").write_text(json.dumps({"audio": {"clips": "clips"}, **_ready(tmp_path)}))

    assert 2 == cli.execute(["push", "--board", "127.0.0.1:1"])
    said = capsys.readouterr().err
    assert "44100 Hz" in said
    assert "deploy prepare" in said

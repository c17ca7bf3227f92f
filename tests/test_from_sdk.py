"""The vendor's ready-made files, found where its guide says, and every missing one named with its cure."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from board_runner.errors import UsageError
from board_runner.simboard import SimBoard, SimBoardConfig
from deployer import cli, from_sdk
from deployer.errors import MissingArtifact

IMAGE = "project/board/pcupid/dla_file/ipu_open_models/eat.img"
WAV = "sdk/verify/opendla/source/resource/1-137-A-32_22.05k.wav"
PROGRAM = "sdk/verify/opendla/out/aarch64/app/prog_sed_eat"


def _sdk(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def test_the_documented_paths_are_taken(tmp_path: Path) -> None:
    """Program, model and wav get the names that the guide types on the board."""
    files = from_sdk.files(_sdk(tmp_path, IMAGE, WAV, PROGRAM), chip="pcupid")

    assert [
        (tmp_path / PROGRAM, PurePosixPath("prog_sed_eat"), True),
        (tmp_path / IMAGE, PurePosixPath("models/eat.img"), False),
        (tmp_path / WAV, PurePosixPath("1-137-A-32_22.05k.wav"), False),
    ] == [(file.source, file.name, file.executable) for file in files]


def test_wavs_of_the_users_own_take_the_place_of_the_vendors(tmp_path: Path) -> None:
    """Where clips are given the SDK's wav is neither needed nor sent."""
    clip = tmp_path / "dog.wav"
    clip.write_bytes(b"")

    files = from_sdk.files(_sdk(tmp_path / "sdk", IMAGE, PROGRAM), chip="pcupid", clips=[clip])

    assert [clip] == [file.source for file in files[2:]]


def test_everything_missing_is_named_at_once(tmp_path: Path) -> None:
    """One error lists each path that is not there, and says for each how to come by it."""
    with pytest.raises(MissingArtifact) as caught:
        from_sdk.files(_sdk(tmp_path, IMAGE.replace("pcupid", "iford")), chip="pcupid")

    for name in (IMAGE, WAV, PROGRAM.replace("aarch64", "ARCH")):
        assert str(tmp_path / name) in str(caught.value)
    assert "this SDK has it for iford" in caught.value.hint
    assert "make clean && make source/sed/eat -j8" in caught.value.hint
    assert "22.05 kHz" in caught.value.hint


def test_a_folder_that_is_no_sdk_is_told(tmp_path: Path) -> None:
    """A wrong path is one short message, not three missing files."""
    with pytest.raises(MissingArtifact, match="no such folder"):
        from_sdk.files(tmp_path / "nothing", chip="pcupid")


def test_of_two_architectures_one_must_be_chosen(tmp_path: Path) -> None:
    """A program left over from another image's build is never sent by accident."""
    sdk = _sdk(tmp_path, IMAGE, WAV, PROGRAM, PROGRAM.replace("aarch64", "arm"))

    with pytest.raises(UsageError, match="for aarch64 and arm") as caught:
        from_sdk.files(sdk, chip="pcupid")
    chosen = from_sdk.files(sdk, chip="pcupid", aarch="arm")

    assert "aarch" in caught.value.hint
    assert sdk / PROGRAM.replace("aarch64", "arm") == chosen[0].source


def test_the_command_sends_them_without_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy push --from-sdk DIR --chip CHIP` needs no conversion; a board of another chip is refused."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    sdk = _sdk(tmp_path / "sdk", IMAGE, IMAGE.replace("pcupid", "maruko"), WAV, PROGRAM)
    with SimBoard(SimBoardConfig(login="none")).start() as board:
        words = ["push", "--board", board.address, "--from-sdk", str(sdk), "--chip"]
        codes = [cli.execute([*words, "pcupid"]), cli.execute([*words, "maruko"]), cli.execute(words[:-1])]

        assert IMAGE == (board.root / "customer/deploy/current/models/eat.img").read_text()
    said = capsys.readouterr().err
    assert [0, 2, 2] == codes, said
    assert "the model is for maruko, the board is a pcupid" in said
    assert "--chip" in said

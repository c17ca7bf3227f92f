"""The command line: quick, lazy, and honest about what went wrong."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer import cli


def test_help_lists_every_command_and_imports_none() -> None:
    """`deploy --help` stays light: no numpy, no paramiko, no rich, no command module."""
    code = (
        "import sys; from deployer import cli; code = cli.execute(['--help']);"
        "heavy = [m for m in ('numpy', 'paramiko', 'rich', 'yaml', 'msgspec') if m in sys.modules];"
        "heavy += [m for m in sys.modules if m.startswith('deployer.cli.')];"
        "print('HEAVY', heavy); sys.exit(code)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "HEAVY []" in done.stdout
    for name in cli.COMMANDS:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No command of the list is missing or silent."""
    assert cli.execute([name, "--help"]) == 0
    assert "Usage: deploy" in capsys.readouterr().out


def test_a_misspelt_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the finger costs one look."""
    assert cli.execute(["psuh"]) == 2
    assert "Did you mean 'push'?" in capsys.readouterr().err


def test_a_bug_of_ours_is_the_only_one_with_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """70 and a traceback for a bug; 130 for Ctrl-C."""

    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli.cli, "main", broken)
    assert cli.execute([]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.cli, "main", interrupted)
    assert cli.execute([]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_and_a_name_too_long_are_no_bugs(tmp_path: Path) -> None:
    """What this machine's file system refuses is told with the place and a cure, without a traceback."""
    code = "import sys; from deployer.cli import main; main()"
    deploy = [sys.executable, "-c", code]

    with Path("/dev/full").open("w") as full:
        filled = subprocess.run(
            [*deploy, "board", "list", "--json"],
            cwd=tmp_path,
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    named = subprocess.run(
        [*deploy, "sdk", "standin", "n" * 300], cwd=tmp_path, check=False, capture_output=True, text=True
    )

    assert (filled.returncode, named.returncode) == (2, 2)
    assert "No space left" in filled.stderr and "df -h" in filled.stderr
    assert "n" * 300 in named.stderr and "shorter name" in named.stderr
    assert "Traceback" not in filled.stderr + named.stderr


def test_a_reader_that_goes_is_no_failure(tmp_path: Path) -> None:
    """`deploy ... | head` ends with 0 and in silence; 1 would say that a check failed."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        left = subprocess.run(
            [sys.executable, "-c", "from deployer.cli import main; main()", "board", "list", "--json"],
            cwd=tmp_path,
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(writing)

    assert (0, b"") == (left.returncode, left.stderr)


def test_a_deploy_yaml_that_holds_itself_is_told_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alias inside its own anchor is a mistake of the file, not of ours."""
    config = tmp_path / "deploy.yaml"
    config.write_text("version: 1\nboards: &a {door: *a}\n")

    assert cli.execute(["board", "list", "--config", str(config)]) == 2
    assert f"{config}: an alias" in capsys.readouterr().err


def test_a_simulated_board_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port, a chip or a folder that cannot be had ends the command with the option to change."""
    (tmp_path / "file").touch()

    for words, said in (
        (["--port", "99999"], "--port"),
        (["--chip", "none"], "pcupid"),
        (["--root", str(tmp_path / "file" / "below")], "--root"),
    ):
        assert cli.execute(["board", "sim", *words]) == 2
        assert said in capsys.readouterr().err


def test_init_names_a_folder_that_it_cannot_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`deploy init --dir` below a file says so."""
    (tmp_path / "file").touch()

    assert cli.execute(["init", "--yes", "--dir", str(tmp_path / "file" / "below")]) == 2
    assert "--dir" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_leaves_through_main(name: str) -> None:
    """No command's module takes the place of something that the end of `main` still needs."""
    before = gc.get_threshold()
    try:
        with pytest.raises(SystemExit) as left:
            cli.main([name, "--help"])
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
    assert left.value.code == 0

"""The command line: quick, lazy, and honest about what went wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deployer import cli


def test_help_lists_every_command_and_imports_none() -> None:
    """`deploy --help` stays light: no numpy, no paramiko, no rich, no command module."""
    code = (
        "import sys; from deployer import cli; code = cli.execute(['--help']);"
        "heavy = [m for m in ('numpy', 'paramiko', 'rich', 'yaml', 'pydantic') if m in sys.modules];"
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

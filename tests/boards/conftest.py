"""One `place` for every kind of board, so that one test body speaks for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from deployer.push import BoardFile
from tests.boards.servers import (
    PASSWORD,
    PASSWORD_VARIABLE,
    SIM_KINDS,
    SSHD_KINDS,
    Place,
    openssh,
    simulated,
    sshd_missing,
)

MakeFile = Callable[..., BoardFile]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no keys of the person who runs the tests
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture(params=[*SIM_KINDS, *SSHD_KINDS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A board of every kind in turn."""
    kind: str = request.param
    if kind in SIM_KINDS:
        with simulated(**SIM_KINDS[kind]) as running:
            yield running
        return
    if reason := sshd_missing():
        pytest.skip(reason)
    (tmp_path / "sshd").mkdir()
    with openssh(tmp_path / "sshd", sftp=SSHD_KINDS[kind]) as running:
        yield running


@pytest.fixture
def sim() -> Iterator[Place]:
    """The plainest simulated board, where the kind makes no difference."""
    with simulated() as running:
        yield running


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Make a local file for the board: `make_file(name, content, executable=False)`."""
    folder = tmp_path / "local"
    folder.mkdir()
    made: list[Path] = []

    def make(name: str, content: bytes, *, executable: bool = False) -> BoardFile:
        source = folder / f"{len(made)}.bin"
        source.write_bytes(content)
        made.append(source)
        return BoardFile(source=source, name=PurePosixPath(name), executable=executable)

    return make

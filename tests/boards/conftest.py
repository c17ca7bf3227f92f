"""One `place` for every kind of board, so that one test body speaks for all."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from deployer.push import BoardFile
from tests.boards import netns
from tests.boards import rig as rigs
from tests.boards.servers import (
    PASSWORD,
    PASSWORD_VARIABLE,
    REAL_KINDS,
    SIM_KINDS,
    SSHD_KINDS,
    Place,
    kind_missing,
    listening,
    openssh,
    real,
    simulated,
    sshd_missing,
)

MakeFile = Callable[..., BoardFile]
NETNS_KIND = "busybox-netns"
KINDS = [*SIM_KINDS, *SSHD_KINDS, *REAL_KINDS, NETNS_KIND]


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


class Boards:
    """Boards that run for the whole session, each started when it is first asked for."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._running: dict[str, Place] = {}
        self._count = itertools.count()
        self.network: netns.Network | None = None

    def of(self, kind: str) -> Place:
        """A board of that kind, with a deploy directory that no other test has. Skips where it cannot be."""
        if kind not in self._running:
            self._running[kind] = self._start(kind)
        return self._running[kind].elsewhere(f"test-{next(self._count)}")

    def _start(self, kind: str) -> Place:
        folder = self._folder / kind
        folder.mkdir(parents=True)
        enter = self._stack.enter_context
        if kind in SIM_KINDS:
            return enter(simulated(**SIM_KINDS[kind]))
        if kind in SSHD_KINDS:
            _skip_for(sshd_missing())
            return enter(openssh(folder, sftp=SSHD_KINDS[kind]))
        wanted = REAL_KINDS["dropbear-no-password" if kind == NETNS_KIND else kind]
        _skip_for(kind_missing(wanted))
        if kind != NETNS_KIND:
            return enter(real(folder, wanted))
        _skip_for(netns.missing())
        self.network = enter(netns.network())
        place = enter(real(folder, wanted, netns=self.network.board, address=netns.BOARD_ADDRESS))
        with self.network.inside():
            listening(place)
        return place


def _skip_for(reason: str | None) -> None:
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boards]:
    """Boards of every kind, kept for the whole session."""
    with contextlib.ExitStack() as stack:
        yield Boards(tmp_path_factory.mktemp("boards"), stack)


@pytest.fixture(params=KINDS)
def any_board(request: pytest.FixtureRequest, boards: Boards) -> Iterator[Place]:
    """A board of every kind in turn, real servers included; the client in the board's network."""
    found = boards.of(request.param)
    with contextlib.ExitStack() as stack:
        if request.param == NETNS_KIND:
            assert boards.network is not None
            stack.enter_context(boards.network.inside())
        yield found


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


class Rigs:
    """Rigs that stand for the whole session, each built when it is first asked for."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._built: dict[str, rigs.Rig] = {}

    def of(self, name: str) -> rigs.Rig:
        """The rig with that kind of server. Skips where it cannot be."""
        if name not in self._built:
            _skip_for(rigs.missing(rigs.RIGS[name]))
            folder = self._folder / name
            folder.mkdir()
            self._built[name] = self._stack.enter_context(rigs.built(folder, rigs.RIGS[name]))
        return self._built[name]


@pytest.fixture(scope="session")
def all_rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rigs]:
    """Every rig, kept for the whole session."""
    with contextlib.ExitStack() as stack:
        yield Rigs(tmp_path_factory.mktemp("rigs"), stack)


@pytest.fixture(params=rigs.MAIN)
def rig(request: pytest.FixtureRequest, all_rigs: Rigs) -> Iterator[rigs.Rig]:
    """A healthy board behind a healthy wire, with nothing on it; whatever a test breaks is mended after it."""
    found = all_rigs.of(request.param)
    yield found
    found.heal()
    found.frame.off()
    found.clear()
    found.reboot()

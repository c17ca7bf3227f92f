"""Boards whose program does what its clip is called, for benches that go wrong in every way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from deployer.bench import Bench, Broken
from deployer.board.base import Completed
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable, ProgramFailed
from deployer.events import ignore
from deployer.measuring.plan import Plan
from deployer.measuring.results import Measured
from deployer.run import Program
from tests.boards.conftest import _own_state  # noqa: F401 - every test here has a state directory of its own
from tests.boards.rig import wait_until
from tests.boards.servers import REAL_KINDS, Place, kind_missing, real
from tests.boards.servers.frame import Frame
from tests.measuring.lab import Lab, made

FOLDER = PurePosixPath("/customer/deploy/current")

PROGRAM = r"""#!/bin/sh
clip=$2
case $clip in
    crash*) kill -SEGV $$ ;;
    garbage*) head -c 100000 /dev/urandom; printf 'class id: 3'; exit 0 ;;
    silent*) exit 0 ;;
    hang*) sleep 77 & echo half; sleep 78 ;;
    deaf*) trap '' TERM; echo half; while :; do sleep 0.1; done ;;
    wait*) echo >/customer/waits; while [ -e /customer/waits ]; do sleep 0.05; done ;;
    noisy*) echo "some driver's words" >&2 ;;
    source*) line=41 ;;
    pinned*) read -r line </sys/devices/system/cpu/cpufreq/policy0/scaling_governor; echo "governor $line"; line= ;;
esac
echo "inputs: $clip"
echo "model path: $4"
echo "threshold: 0.5"
echo "the input image: ./$clip"
echo "model invoke time: 7.5 ms"
echo "post process time: 0.25 ms"
echo "class id: 32"
exit ${line:-0}
"""


class Counted(SshBoard):
    """A board that counts the commands it was given."""

    commands = 0

    def script(self, *args: Any, **kwargs: Any) -> Completed:
        """Counted."""
        self.commands += 1
        return super().script(*args, **kwargs)


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A real board with the program on it."""

    place: Place
    program: Program

    @property
    def frame(self) -> Frame:
        """The board from outside."""
        assert self.place.frame is not None
        return self.place.frame

    def board(self) -> Counted:
        """The board, over its own connection."""
        return Counted(self.place.config)

    def plan(self, clips: Sequence[str], runs: int | None, *, timeout_s: float = 3.0, **changes: Any) -> Plan:
        """A plan; a run may take three seconds, much on any machine."""
        program = replace(self.program, timeout_s=timeout_s)
        return Plan(program=program, clips=tuple(clips), runs=runs, **changes)

    def run(self, clips: Sequence[str], runs: int, **changes: Any) -> Measured:
        """A bench to its end."""
        under_way = Bench(self.plan(clips, runs, **changes), emit=ignore)
        with self.board() as board:
            return finish(under_way, board)

    def seen(self, path: str) -> Path:
        """A path of the board, as this machine sees it."""
        return self.place.seen(PurePosixPath(path))

    def left(self) -> list[str]:
        """What runs on the board beside its server."""
        server = Path(self.frame.spec.server[0]).name
        return [words for words in self.frame.processes().values() if server not in words]

    def wait_until_empty(self) -> None:
        """Wait until nothing but the server runs on the board; a failed test tells what does."""
        try:
            wait_until(lambda: not self.left())
        except AssertionError:
            assert [] == self.left()
            raise


def finish(under_way: Bench, board: SshBoard) -> Measured:
    """To its end, over new connections where need be."""
    try:
        while not under_way.is_over:
            with contextlib.suppress(Broken):
                under_way.proceed(board)
    except (BoardUnreachable, ProgramFailed) as e:
        return under_way.measured(e)
    return under_way.measured()


@contextlib.contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do `work` in another thread while the block runs; it has ended when this does."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session", params=["dropbear", "openssh-password"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """BusyBox and dropbear, whose `read` knows time limits; OpenSSH and dash, whose does not."""
    if reason := kind_missing(REAL_KINDS[request.param]):
        pytest.skip(reason)
    with real(tmp_path_factory.mktemp(request.param), REAL_KINDS[request.param]) as place:
        found = Rig(place=place, program=Program(directory=FOLDER))
        for name in ("customer/deploy/current", "sys/devices/system/cpu/cpufreq/policy0"):
            (place.root / name).mkdir(parents=True)
        program = found.seen(f"{FOLDER}/prog_sed_eat")
        program.write_text(PROGRAM)
        program.chmod(0o755)
        yield found


@pytest.fixture
def rig(shared: Rig) -> Iterator[Rig]:
    """The board, with nothing left of the test before and its governor as it was."""
    governor(shared).write_text("ondemand\n")
    shared.seen("/customer/waits").unlink(missing_ok=True)
    yield shared


def governor(rig: Rig) -> Path:
    """The node of the board's governor: a plain file here."""
    return rig.seen("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    """Two clips, a program of shell, a simulated board."""
    with made(tmp_path, monkeypatch, capsys) as found:
        yield found

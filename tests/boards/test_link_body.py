"""One body of promises over both clients: paramiko and the `ssh` program, on OpenSSH and on dropbear."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from deployer.board.clients.channel import KEPT_BYTES
from deployer.board.config import BoardConfig, as_data
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable
from tests.boards.conftest import Boards
from tests.boards.servers import Place, openssh, sshd_missing
from tests.boards.servers.scripted import served

CLIENTS = ("paramiko", "openssh")
SERVERS = ("sshd", "dropbear")

HOLD = """
import json, sys, time
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from toolchain_wrappers import intake
board = SshBoard(intake.record(BoardConfig, json.loads(sys.argv[1]))).connect()
print(board.run(["echo", "in"], timeout_s=20).stdout.decode().strip(), flush=True)
time.sleep(60)
"""


def _needs_ssh() -> None:
    if shutil.which("ssh") is None:
        pytest.skip("the `ssh` program is not installed")


@pytest.fixture(scope="module", params=[(c, s) for c in CLIENTS for s in SERVERS], ids="-".join)
def linked(
    request: pytest.FixtureRequest, boards: Boards, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Place, SshBoard]:
    """A connection of either client to a server of either kind, kept for all of this module."""
    client, server = request.param
    if client == "openssh":
        _needs_ssh()
    place = boards.of(server)
    config = place.config.replace(client=client)
    board = SshBoard(config, state_dir=tmp_path_factory.mktemp("state")).connect()
    request.addfinalizer(board.close)
    return place, board


@pytest.fixture
def link(linked: tuple[Place, SshBoard]) -> SshBoard:
    """That connection."""
    return linked[1]


def test_streams_and_status_are_the_programs(link: SshBoard) -> None:
    """stdout and stderr come apart, and even the status that `ssh` uses for itself is the program's."""
    for status in (0, 7, 255):
        done = link.run(["sh", "-c", f"echo out; echo err >&2; exit {status}"], timeout_s=20)
        assert (done.exit_status, done.stdout, done.stderr) == (status, b"out\n", b"err\n")


def test_a_signal_is_no_status_and_no_lost_connection(link: SshBoard) -> None:
    """A program that a signal ends has no status; the next command runs."""
    died = link.run(["sh", "-c", "echo before; kill -9 $$"], timeout_s=20)

    assert (died.exit_status, died.stdout, died.timed_out) == (None, b"before\n", False)
    assert link.run(["echo", "alive"], timeout_s=20).stdout == b"alive\n"


def test_arguments_and_input_are_data(link: SshBoard) -> None:
    """Quotes, blanks, line breaks and every byte of three megabytes reach the program as they are."""
    words = ["a b", "it's", '"', "$HOME", "`id`", "-n", "", "two\nlines", "\\", "gr\u00fc\u00df"]
    data = bytes(range(256)) * 12_288

    assert link.run(["printf", "%s\\0", *words], timeout_s=20).stdout.decode().split("\0")[:-1] == words
    assert link.run(["cat"], timeout_s=60, stdin=data).stdout == data


def test_unread_input_neither_blocks_nor_fails(link: SshBoard) -> None:
    """A program that does not read four megabytes of input ends as it likes."""
    done = link.run(["sh", "-c", "exit 3"], timeout_s=20, stdin=bytes(4 << 20))

    assert (done.exit_status, done.timed_out) == (3, False)


def test_a_reader_without_input_sees_its_end(link: SshBoard) -> None:
    """`cat` without input ends at once."""
    done = link.run(["cat"], timeout_s=10)

    assert (done.exit_status, done.stdout) == (0, b"")


def test_kept_output_is_bounded_and_none_is_lost_to_the_watcher(link: SshBoard) -> None:
    """Of 18 MB the first 16 MiB are kept, with a note; the watcher sees every byte."""
    watched = 0

    def watch(name: str, data: bytes) -> None:
        nonlocal watched
        watched += len(data)

    done = link.run(["head", "-c", "18000000", "/dev/zero"], timeout_s=60, on_output=watch)

    assert (done.exit_status, watched) == (0, 18_000_000)
    assert done.stdout[KEPT_BYTES:] == b"\n[1222784 more bytes of stdout not kept]\n"


def test_at_the_deadline_a_program_is_stopped_gently(link: SshBoard) -> None:
    """It gets to clean up, its last words arrive, and it is gone."""
    script = "trap 'echo cleaned; exit 0' TERM; echo $$; while :; do sleep 0.05; done"
    done = link.run(["sh", "-c", script], timeout_s=0.4)
    pid, *words = done.stdout.decode().split()

    assert (done.timed_out, done.exit_status, words) == (True, None, ["cleaned"])
    assert link.run(["kill", "-0", pid], timeout_s=20).exit_status != 0


def test_what_raises_in_the_input_is_raised_to_the_caller(link: SshBoard) -> None:
    """An error while the input is made ends the command and is not lost in a thread."""

    def broken() -> object:
        yield b"first"
        raise ValueError("from the input")

    with pytest.raises(ValueError, match="from the input"):
        link.script("cat", timeout_s=20, stdin=broken())  # type: ignore[arg-type]
    assert link.run(["echo", "on"], timeout_s=20).stdout == b"on\n"


def test_threads_share_a_connection(link: SshBoard) -> None:
    """Commands of six threads on one connection each get their own answer, on dropbear too."""
    failed: list[object] = []

    def ask(who: int) -> None:
        try:
            for turn in range(4):
                word = f"{who}.{turn}".encode()
                assert link.run(["cat"], timeout_s=30, stdin=word).stdout == word
                assert link.run(["echo", word.decode()], timeout_s=30).stdout == word + b"\n"
        except (AssertionError, BoardUnreachable) as e:
            failed.append(e)

    threads = [threading.Thread(target=ask, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_the_link_tells_server_window_and_round_trip(linked: tuple[Place, SshBoard]) -> None:
    """Greeting and window are the server's: dropbear's is 24 KiB, OpenSSH's 2 MiB, which it gives late."""
    _, board = linked
    known = board.link()

    assert known.client == board.config.client
    assert known.server is not None and known.server.startswith("SSH-2.0-")
    assert known.window_bytes == (24 << 10 if "dropbear" in known.server else 2 << 20)
    assert known.round_trip_ms is not None and 0 < known.round_trip_ms < 1000
    assert board.link() is known


@pytest.mark.parametrize("client", CLIENTS)
def test_a_lost_connection_is_an_error_not_a_result(client: str, boards: Boards) -> None:
    """When the server's process for the connection dies, no status is made up, and the client says so."""
    if client == "openssh":
        _needs_ssh()
    with boards.of("sshd").board(client=client) as board:
        kill = ["sh", "-c", "p=$PPID; echo cut; kill -9 $p; sleep 5"]
        with pytest.raises(BoardUnreachable, match="connection was lost"):
            board.run(kill, timeout_s=20)
        with pytest.raises(BoardUnreachable, match="connection was lost"):
            board.run(["true"], timeout_s=20)


def test_a_closed_connection_leaves_no_process_and_no_folder(boards: Boards) -> None:
    """After `close` the `ssh` that held the connection is gone, and its private directory too."""
    _needs_ssh()
    place = boards.of("sshd")
    with place.board(client="openssh") as board:
        board.run(["true"], timeout_s=20)
        holders = _holders(place)
        assert len(holders) == 1
        folder = _control(holders[0]).parent
        assert folder.stat().st_mode & 0o777 == 0o700

    assert _holders(place) == [] and not folder.exists()


def test_a_killed_run_leaves_no_connection_open(boards: Boards, tmp_path: Path) -> None:
    """`kill -9` of our process ends the `ssh` that held its connection."""
    _needs_ssh()
    place = boards.of("sshd")
    config = json.dumps(as_data(place.config.replace(client="openssh")))
    holder = subprocess.Popen([sys.executable, "-c", HOLD, config], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == "in\n"
        (ssh,) = _holders(place)
        folder = _control(ssh).parent
        holder.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _holders(place) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert _holders(place) == []
    shutil.rmtree(folder)  # without a process it is only a folder


def test_a_connection_begun_early_is_the_same(boards: Boards) -> None:
    """`begin` connects beside the caller; its error is raised by `connect`, and `close` needs no `connect`."""
    place = boards.of("sshd")
    with place.board().begin() as board:
        assert board.run(["echo", "in"], timeout_s=20).stdout == b"in\n"
    place.board().begin().close()
    with pytest.raises(BoardUnreachable, match="connection refused"):
        place.board(own_port=1).begin().connect()


def _holders(place: Place) -> list[list[str]]:
    """The command lines of those that hold connections to a place."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if words[0] == "ssh" and "-M" in words and f"Port={place.config.port}" in words:
            found.append(words)
    return found


def _control(words: list[str]) -> Path:
    return Path(words[words.index("-S") + 1])


def test_a_board_whose_sftp_never_answers_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says yes to SFTP and then nothing is given up in time; commands go on."""
    from deployer.board.clients import paramiko_link

    asyncssh = pytest.importorskip("asyncssh")

    class Mute(asyncssh.SSHServerSession):  # type: ignore[misc, name-defined]
        def connection_made(self, channel: Any) -> None:
            self.channel = channel

        def subsystem_requested(self, subsystem: str) -> bool:
            return True

        def exec_requested(self, command: str) -> bool:
            token = command.split('"')[1].split(" ", 1)[0]
            self.channel.write_stderr(f"{token} 1\n".encode())
            self.channel.write(b"ran\n")
            self.channel.exit(0)
            return True

    monkeypatch.setattr(paramiko_link, "SFTP_TIMEOUT_S", 0.3)
    with served(Mute) as port, SshBoard(BoardConfig(name="b", host="127.0.0.1", own_port=port)) as board:
        started = time.monotonic()
        assert board.sftp() is None and time.monotonic() - started < 5
        assert board.run(["anything"], timeout_s=10).stdout == b"ran\n"


@pytest.mark.parametrize("most", [1, 2])
def test_a_server_with_few_channels_is_enough(most: int, tmp_path: Path) -> None:
    """With one or two sessions at once commands run one after the other, and threads wait for each other."""
    if reason := sshd_missing():
        pytest.skip(reason)
    (tmp_path / "sshd").mkdir()
    with openssh(tmp_path / "sshd", sftp=True, more=f"MaxSessions {most}") as place, place.board() as board:
        said = [board.run(["echo", word], timeout_s=20).stdout for word in ("one", "two", "three")]
        work = [
            threading.Thread(target=lambda: said.append(board.run(["echo", "beside"], timeout_s=20).stdout))
            for _ in range(3)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()

    assert said == [b"one\n", b"two\n", b"three\n", *[b"beside\n"] * 3]

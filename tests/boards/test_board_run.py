"""Running programs, over every kind of board: streams, ends and deadlines are what they were."""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath

import pytest

from deployer.board.clients.channel import KEPT_BYTES, PidMarker
from deployer.board.config import DEFAULT_LIBRARY_PATH
from deployer.errors import BoardUnreachable
from tests.boards.servers import Place, simulated

ODD_ARGUMENTS = [
    "a b",
    "it's",
    '"',
    "$HOME",
    "`id`",
    "*",
    "-n",
    "",
    "gr\u00fc\u00df",
    "two\nlines",
    "\\",
    "!x",
]


def test_streams_are_apart_and_the_status_is_the_programs(place: Place) -> None:
    """stdout, stderr and a non-zero exit status arrive as the program gave them, our own marks removed."""
    with place.board() as board:
        done = board.run(["sh", "-c", "echo out; echo err >&2; exit 7"], timeout_s=10)

    assert (done.exit_status, done.stdout, done.stderr, done.timed_out) == (7, b"out\n", b"err\n", False)
    assert done.elapsed_ms > 0


def test_arguments_are_data(place: Place) -> None:
    """Blanks, quotes, variables, line breaks and empty words reach the program unchanged."""
    with place.board() as board:
        done = board.run(["printf", "%s\\0", *ODD_ARGUMENTS], timeout_s=10)

    assert done.stdout.decode().split("\0")[:-1] == ODD_ARGUMENTS


def test_environment_and_directory_are_set(place: Place) -> None:
    """LD_LIBRARY_PATH is exported without a login shell; a caller's variables and directory hold."""
    script = "cd .. && echo $LD_LIBRARY_PATH; echo $EXTRA; ls -d deploy"
    place.files.mkdir(parents=True)
    with place.board() as board:
        done = board.run(
            ["sh", "-c", script], timeout_s=10, cwd=place.config.directory, env={"EXTRA": "it's $here"}
        )

    first, *rest = done.stdout.decode().splitlines()
    assert len(DEFAULT_LIBRARY_PATH.split(":")) == len(first.split(":"))
    assert rest == ["it's $here", "deploy"]


def test_a_missing_directory_or_program_is_a_status_with_the_shells_words(place: Place) -> None:
    """A command that cannot start ends with a status and an explanation, never with an exception."""
    with place.board() as board:
        nowhere = board.run(["true"], timeout_s=10, cwd=PurePosixPath("/no/such"))
        nothing = board.run(["./no-such-program"], timeout_s=10)

    assert nowhere.exit_status == 1 and b"/no/such" in nowhere.stderr
    assert nothing.exit_status == 127 and b"no-such-program" in nothing.stderr


def test_standard_input_is_passed_and_ends(place: Place) -> None:
    """Half a megabyte comes back as it went; without input a reader sees the end at once."""
    data = bytes(range(256)) * 2048
    with place.board() as board:
        echoed = board.run(["cat"], timeout_s=20, stdin=data)
        nothing = board.run(["cat"], timeout_s=20)

    assert data == echoed.stdout
    assert (nothing.exit_status, nothing.stdout) == (0, b"")


def test_a_program_that_does_not_read_its_input_still_ends(place: Place) -> None:
    """Unread input neither blocks nor fails the command."""
    with place.board() as board:
        done = board.run(["true"], timeout_s=20, stdin=bytes(4 << 20))

    assert (done.exit_status, done.timed_out) == (0, False)


def test_output_streams_while_the_program_runs(place: Place) -> None:
    """The first line is seen before the program ends, and the pieces make up the whole."""
    seen: list[tuple[str, bytes, float]] = []
    started = time.monotonic()
    with place.board() as board:
        done = board.run(
            ["sh", "-c", "echo one; sleep 0.3; echo two; echo three >&2"],
            timeout_s=10,
            on_output=lambda name, data: seen.append((name, data, time.monotonic() - started)),
        )
        ended = time.monotonic() - started

    assert done.stdout == b"".join(data for name, data, _ in seen if name == "stdout") == b"one\ntwo\n"
    assert done.stderr == b"".join(data for name, data, _ in seen if name == "stderr")
    assert seen[0][2] < ended - 0.2


def test_large_output_is_bounded_and_says_so(sim: Place) -> None:
    """Of 20 MB the first 16 MiB are kept, with a note of what is not; the watcher sees every byte."""
    watched = 0

    def watch(name: str, data: bytes) -> None:
        nonlocal watched
        watched += len(data)

    with sim.board() as board:
        done = board.run(["head", "-c", "20000000", "/dev/zero"], timeout_s=60, on_output=watch)

    note = b"\n[3222784 more bytes of stdout not kept]\n"
    assert (done.exit_status, watched) == (0, 20_000_000)
    assert KEPT_BYTES + len(note) == len(done.stdout) and done.stdout.endswith(note)


def test_a_signal_is_no_exit_status(place: Place) -> None:
    """A program that dies of a signal has no status, and the connection is still good."""
    with place.board() as board:
        died = board.run(["sh", "-c", "echo before; kill -9 $$"], timeout_s=10)
        after = board.run(["echo", "alive"], timeout_s=10)

    assert (died.exit_status, died.stdout, died.timed_out) == (None, b"before\n", False)
    assert after.stdout == b"alive\n"


def test_at_the_deadline_the_program_is_stopped_and_gone(place: Place) -> None:
    """A hung program is ended with its children; what it had said is kept, and the board serves on."""
    with place.board() as board:
        done = board.run(["sh", "-c", "echo $$; sleep 61 & wait"], timeout_s=0.2)
        group = done.stdout.decode().strip()
        left = board.run(["sh", "-c", 'kill -0 -- "-$1"', "sh", group], timeout_s=10)

    assert (done.timed_out, done.exit_status) == (True, None)
    assert group.isdigit() and left.exit_status != 0
    assert done.elapsed_ms < 5000


def test_stopping_is_gentle_first(place: Place) -> None:
    """A program gets to clean up before it is ended; its last words arrive."""
    script = "trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.05; done"
    with place.board() as board:
        done = board.run(["sh", "-c", script], timeout_s=0.2)

    assert (done.timed_out, done.stdout) == (True, b"cleaned\n")


def test_a_program_that_ignores_the_request_is_killed(sim: Place) -> None:
    """After its grace time even a deaf program goes."""
    with sim.board() as board:
        done = board.run(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.05; done"], timeout_s=0.3)
        left = board.run(["kill", "-0", done.stdout.decode().strip()], timeout_s=10)

    assert done.timed_out and left.exit_status != 0


def test_a_connection_lost_during_a_run_is_an_error_not_a_result(sim: Place) -> None:
    """A cut connection raises BoardUnreachable: its status -1 is never mistaken for an end."""

    def cut(name: str, data: bytes) -> None:
        assert sim.sim is not None
        sim.sim.drop_connections()

    with sim.board() as board, pytest.raises(BoardUnreachable, match="connection was lost"):
        board.run(["sh", "-c", "echo started; sleep 30"], timeout_s=20, on_output=cut)


def test_a_stopped_board_takes_its_programs_along() -> None:
    """Nothing that was started on a simulated board outlives it, a program in the background neither."""
    with simulated() as place, place.board() as board:
        done = board.run(["sh", "-c", "sleep 301 >/dev/null 2>&1 </dev/null & echo $!"], timeout_s=5)
        pid = done.stdout.decode().strip()
        assert _runs(pid)

    deadline = time.monotonic() + 5  # a killed process takes a moment to go
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid: str) -> bool:
    """Whether a process is there and not just waiting to be reaped."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_marker_is_found_wherever_the_stream_is_cut() -> None:
    """Greetings before it pass, the marker goes, at every cut into two pieces."""
    for cut in range(60):
        marker = PidMarker()
        token = marker.command.split('"')[1].split()[0]
        whole = f"Could not chdir\n{token} 4711\nError: x\n".encode()
        passed = marker.strip(whole[:cut]) + marker.strip(whole[cut:]) + marker.rest()

        assert (passed, marker.pid) == (b"Could not chdir\nError: x\n", 4711)

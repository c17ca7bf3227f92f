"""dropbear breaks when one channel opens while another ends: what we do about it, on a real one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from deployer.board.clients.turns import Turn, Turns
from deployer.board.ssh import SshBoard
from deployer.push import BoardFile, push
from tests.boards.conftest import Boards

CLIENTS = ("paramiko", "openssh")


def _together(*work: threading.Thread) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()


@pytest.mark.parametrize("client", CLIENTS)
def test_bulk_channels_and_commands_share_a_connection(client: str, boards: Boards) -> None:
    """Eight channels write 300 kB each, begun and ended at different times, with commands in between."""
    failed: list[object] = []
    datas = [os.urandom(300_000) for _ in range(8)]
    directory = boards.of("dropbear").config.directory

    def chunks(data: bytes, pause_s: float) -> Iterator[bytes]:
        for start in range(0, len(data), 30_000):
            yield data[start : start + 30_000]
            time.sleep(pause_s)

    def bulk(board: SshBoard, number: int) -> None:
        path = str(directory / f"{number}")
        done = board.script('cat >"$1"', path, timeout_s=60, stdin=chunks(datas[number], 0.002 * number))
        if done.exit_status != 0:
            failed.append(done)

    def short(board: SshBoard) -> None:
        for count in range(15):
            done = board.run(["echo", str(count)], timeout_s=60)
            if done.stdout != f"{count}\n".encode():
                failed.append(done)

    with boards.of("dropbear").board(client=client) as board:
        board.run(["mkdir", "-p", str(directory)], timeout_s=20)
        writers = [threading.Thread(target=bulk, args=(board, n)) for n in range(8)]
        _together(*writers, threading.Thread(target=short, args=(board,)))
        for number, data in enumerate(datas):
            assert board.run(["cat", str(directory / f"{number}")], timeout_s=60).stdout == data

    assert failed == []


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", ["dropbear", "openssh-password"])
def test_a_command_may_be_longer_than_the_server_takes(kind: str, client: str, boards: Boards) -> None:
    """dropbear hangs up at 9000 bytes: words of any kind arrive all the same, and the input after them."""
    words = [f"{number} it's\n\\n $HOME \\ *\t".ljust(90, "ä") for number in range(160)]
    given = os.urandom(200_000)
    text = 'printf "%s|" "$@" && wc -c'
    with boards.of(kind).board(client=client) as board:
        for stdin in (None, [given]):
            done = board.script(text, *words, timeout_s=60, stdin=stdin)
            said, _, count = done.stdout.decode().rpartition("|")

            assert (done.exit_status, done.stderr) == (0, b"")
            assert said.split("|") == words
            assert int(count) == len(given if stdin else b"")


def test_a_release_of_many_files_arrives(boards: Boards, tmp_path: Path) -> None:
    """Two hundred names and contents are more than one command of this server holds; again, nothing is sent."""
    files = []
    for number in range(200):
        source = tmp_path / str(number)
        source.write_bytes(os.urandom(40))
        files.append(BoardFile(source=source, name=PurePosixPath(f"clips of the first day/{number:03d}.wav")))
    place = boards.of("dropbear")
    with place.board() as board:
        first = push(board, files, place.config.directory)
        again = push(board, files, place.config.directory)

    assert (200, 0) == (len(first.sent), len(again.sent))
    assert {str(f.name): f.source.read_bytes() for f in files} == place.content()


def test_short_commands_of_many_threads_all_succeed(boards: Boards) -> None:
    """Without turns the connection is gone within a second; with them 120 commands of eight threads pass."""
    failed: list[object] = []

    def short(board: SshBoard, who: int) -> None:
        for count in range(15):
            word = f"{who}.{count}"
            done = board.run(["echo", word], timeout_s=60)
            if done.stdout != f"{word}\n".encode():
                failed.append(done)

    with boards.of("dropbear").board() as board:
        _together(*(threading.Thread(target=short, args=(board, who)) for who in range(8)))

    assert failed == []


def test_a_long_command_does_not_hold_the_others_up_for_ever(boards: Boards) -> None:
    """While one program runs for long, another command waits two seconds at most, and a hung one is stopped."""
    with boards.of("dropbear").board() as board:
        long = threading.Thread(target=lambda: board.run(["sleep", "30"], timeout_s=4))
        started = time.monotonic()
        long.start()
        time.sleep(0.2)
        done = board.run(["echo", "in between"], timeout_s=20)
        took_s = time.monotonic() - started
        long.join()

    assert done.stdout == b"in between\n" and took_s < 3.5


def test_turns_part_opening_from_ending() -> None:
    """No channel opens while a short command runs or a bulk one ends; bulk ones overlap."""
    turns = Turns(careful=True)
    bulk = Turn(turns, ends_by_itself=False)
    short = Turn(turns, ends_by_itself=True)
    order: list[str] = []

    def run_short() -> None:
        with short:
            order.append("short opens")
            short.opened()

    with bulk:
        bulk.opened()
        with Turn(turns, ends_by_itself=False) as other:
            other.opened()
            order.append("bulk overlaps")
        bulk.before_end()
        waiting = threading.Thread(target=run_short)
        waiting.start()
        time.sleep(0.1)
        order.append("bulk ended")
    waiting.join()

    assert order == ["bulk overlaps", "bulk ended", "short opens"]


def test_other_servers_wait_for_nothing() -> None:
    """Where the server is sound, nobody waits for a turn."""
    turns = Turns(careful=False)
    with Turn(turns, ends_by_itself=True), Turn(turns, ends_by_itself=True):
        pass

"""One body of promises over every kind of board: simulated, OpenSSH and dropbear, every way to log in."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path, PurePosixPath

import pytest

from board_runner.errors import DeployError
from deployer.push import push
from tests.boards.conftest import MakeFile
from tests.boards.servers import SFTP_ONLY, Place, kind_missing, real

AWKWARD_NAMES = [
    "with blank.wav",
    'it\'s "quoted".wav',
    "-rf",
    "--help",
    "gr\u00fc\u00dfe \u97f3.wav",
    "$(touch pwned);`id`&|.wav",
    "a\\b*?[c].wav",
    "tab\there",
    " leading and trailing ",
    ".hidden",
    "models/deep er/x&y.img",
    "n" * 255,
]


def test_it_can_be_reached_and_tells_of_itself(any_board: Place) -> None:
    """The log-in succeeds; machine, kernel, room and clock are the board's, and the link is told."""
    with any_board.board() as board:
        facts = board.facts(any_board.config.directory)
        link = board.link()

    assert (facts.machine, facts.kernel) == (platform.machine(), platform.release())
    assert facts.free_kib is not None and facts.free_kib > 0
    assert facts.clock_epoch_s is not None and abs(facts.clock_epoch_s - time.time()) < 60
    assert link.client in ("paramiko", "openssh")


def test_streams_and_status_are_the_programs(any_board: Place) -> None:
    """stdout, stderr and the exit status arrive apart and whole, and input reaches the program."""
    with any_board.board() as board:
        done = board.run(["sh", "-c", "cat; echo err >&2; exit 7"], timeout_s=20, stdin=b"in\0\n")

    assert (done.exit_status, done.stdout, done.stderr, done.timed_out) == (7, b"in\0\n", b"err\n", False)


def test_pushed_files_are_what_was_meant(any_board: Place, make_file: MakeFile) -> None:
    """Every awkward name arrives with its bytes, the program starts, and a second push sends nothing."""
    files = [make_file(name, f"content of {name}".encode()) for name in AWKWARD_NAMES]
    files.append(make_file("prog", b"#!/bin/sh\necho ran as $1\n", executable=True))
    files.append(make_file("models/eat.img", os.urandom(100_000)))
    with any_board.board() as board:
        first = push(board, files, any_board.config.directory)
        second = push(board, files, any_board.config.directory)
        ran = board.run(["./prog", "it's"], timeout_s=20, cwd=first.directory)

    assert any_board.content() == {str(f.name): f.source.read_bytes() for f in files}
    assert {len(files), 0} == {len(first.sent), len(second.sent)} and second.bytes == 0
    assert ran.stdout == b"ran as it's\n", ran


def test_a_pulled_file_is_the_same(any_board: Place, make_file: MakeFile, tmp_path: Path) -> None:
    """`pull` brings an awkwardly named file back byte for byte."""
    data = bytes(range(256)) * 500
    with any_board.board() as board:
        report = push(board, [make_file("it's -a $file", data)], any_board.config.directory)
        board.pull(report.directory / "it's -a $file", tmp_path / "back")

    assert data == (tmp_path / "back").read_bytes()


def test_a_hung_program_leaves_no_process(any_board: Place) -> None:
    """At its deadline a program goes with its children; the connection serves on."""
    with any_board.board() as board:
        done = board.run(["sh", "-c", "echo $$; sleep 61 & wait"], timeout_s=0.3)
        group = done.stdout.decode().strip()
        left = board.run(["sh", "-c", 'kill -0 -- "-$1"', "sh", group], timeout_s=20)

    assert (done.timed_out, done.exit_status) == (True, None)
    assert group.isdigit() and left.exit_status not in (0, None)
    if any_board.frame is not None:
        left_over = [words for words in any_board.frame.processes().values() if "sleep 61" in words]
        assert left_over == []


def test_a_server_for_files_only_is_refused_in_words(tmp_path: Path, make_file: MakeFile) -> None:
    """A board whose server runs no commands is told so in one line with a cure, and nothing is sent to it."""
    if reason := kind_missing(SFTP_ONLY):
        pytest.skip(reason)
    (tmp_path / "board").mkdir()
    with real(tmp_path / "board", SFTP_ONLY) as place:
        refusal = pytest.raises(DeployError, match=r"(?i)sftp only|no commands|not run commands")
        with refusal as caught, place.board() as board:
            push(board, [make_file("a", b"1")], place.config.directory)
        assert place.config.address in str(caught.value) and "ForceCommand" in caught.value.hint
        assert place.tree(PurePosixPath("/customer")) == {}

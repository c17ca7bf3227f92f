"""Pushing, over every kind of board: only what differs travels, and a file is whole or absent."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

import pytest

from board_runner.errors import UsageError
from deployer.board.base import BoardFacts
from deployer.errors import MissingArtifact, NoSpace, TransferError
from deployer.events import Advanced, Event, Warned
from deployer.push import BoardFile, check_chip, push
from deployer.release.manifest import NAME
from tests.boards.conftest import MakeFile
from tests.boards.servers import Place, simulated

_FEW = ["sh", "cat", "mkdir", "mv", "rm", "ln", "ls", "chmod", "sync", "wc", "uname", "date"]
ODD_NAMES = [
    "with blank.wav",
    'it\'s "quoted".wav',
    "-rf",
    "gr\u00fc\u00dfe \u97f3.wav",
    "$(touch pwned);`id`.wav",
    "a\\b*?[c].wav",
    "tab\there",
    "models/deep er/x&y.img",
    "n" * 250,
]


def _content(place: Place) -> dict[str, bytes]:
    root = place.current
    return {
        str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != NAME
    }


def test_a_first_push_places_all_and_a_second_moves_nothing(place: Place, make_file: MakeFile) -> None:
    """Files arrive under their names with their bits; pushing them again sends no byte."""
    program = make_file("prog_sed_eat", b"#!/bin/sh\necho ran\n", executable=True)
    files = [program, make_file("models/eat.img", os.urandom(300_000)), make_file("silence.wav", b"")]
    with place.board() as board:
        first = push(board, files, place.config.directory)
        second = push(board, files, place.config.directory)
        ran = board.run(["./prog_sed_eat"], timeout_s=10, cwd=first.directory)

    assert {str(f.name): f.source.read_bytes() for f in files} == _content(place)
    assert (len(first.sent), first.bytes) == (3, 300_019)
    assert (second.sent, second.bytes, len(second.unchanged)) == ((), 0, 3)
    assert ran.stdout == b"ran\n"
    assert not (place.current / "models/eat.img").stat().st_mode & stat.S_IXUSR


def test_only_the_changed_file_travels(place: Place, make_file: MakeFile) -> None:
    """Of three files the one whose content differs is sent, even at the same size."""
    files = [make_file("a", b"one"), make_file("b", b"two"), make_file("c", b"three")]
    with place.board() as board:
        push(board, files, place.config.directory)
        files[1].source.write_bytes(b"TWO")
        report = push(board, files, place.config.directory)

    assert ((PurePosixPath("b"),), 3) == (report.sent, report.bytes)
    assert (place.current / "b").read_bytes() == b"TWO"


def test_a_file_spoilt_on_the_board_is_sent_again(place: Place, make_file: MakeFile) -> None:
    """What the board has is told by content, not by size or time; a lost executable bit counts too."""
    files = [make_file("a", b"good"), make_file("b", b"run", executable=True)]
    with place.board() as board:
        push(board, files, place.config.directory)
        times = (place.current / "a").stat()
        (place.current / "a").write_bytes(b"evil")
        os.utime(place.current / "a", (times.st_atime, times.st_mtime))
        (place.current / "b").chmod(0o644)
        report = push(board, files, place.config.directory)

    assert {"a", "b"} == {str(name) for name in report.sent}
    assert (place.current / "a").read_bytes() == b"good"


def test_every_name_is_data(place: Place, make_file: MakeFile) -> None:
    """Blanks, quotes, dashes, Unicode, shell code and long names arrive as they are, and are found again."""
    files = [make_file(name, name.encode(), executable=True) for name in ODD_NAMES]
    with place.board() as board:
        push(board, files, place.config.directory)
        again = push(board, files, place.config.directory)

    assert {name: name.encode() for name in ODD_NAMES} == _content(place)
    assert again.sent == ()


def test_dry_run_changes_nothing(place: Place, make_file: MakeFile) -> None:
    """`dry_run` says what would be sent; the board has no new directory even."""
    with place.board() as board:
        report = push(board, [make_file("a", b"12345")], place.config.directory, dry_run=True)

    assert (report.bytes, len(report.sent), report.dry_run) == (5, 1, True)
    assert not place.files.exists()


def test_a_place_that_cannot_be_written_is_one_clear_error(place: Place, make_file: MakeFile) -> None:
    """Where no directory can be made, the error carries the board's own words."""
    place.files.parent.mkdir(parents=True, exist_ok=True)
    (place.files.parent / "plain").write_bytes(b"a file")
    with place.board() as board, pytest.raises(TransferError, match="Not a directory"):
        push(board, [make_file("a", b"1")], place.config.directory.parent / "plain/deploy")


def test_a_current_that_is_not_ours_is_refused(place: Place, make_file: MakeFile) -> None:
    """A `current` that somebody made by hand is named, and nothing is put inside it."""
    (place.current / "a").mkdir(parents=True)
    with place.board() as board, pytest.raises(UsageError, match="deploy did not make it"):
        push(board, [make_file("a", b"1")], place.config.directory)

    assert list((place.current / "a").iterdir()) == []


def test_a_pulled_file_is_the_same(place: Place, make_file: MakeFile, tmp_path: Path) -> None:
    """`pull` brings a file back byte for byte; a missing one is an error that leaves nothing."""
    data = os.urandom(200_000)
    with place.board() as board:
        report = push(board, [make_file("a b", data)], place.config.directory)
        board.pull(report.directory / "a b", tmp_path / "back")
        with pytest.raises(TransferError, match="no such file"):
            board.pull(report.directory / "none", tmp_path / "none")

    assert data == (tmp_path / "back").read_bytes()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("sftp", [True, False])
def test_no_room_is_told_with_numbers_before_anything_is_sent(sftp: bool, make_file: MakeFile) -> None:
    """A flash of 512 KiB refuses 600 KiB, and stays as it was."""
    with simulated(flash_kib=512, sftp=sftp) as place, place.board() as board:
        push(board, [make_file("old", b"old")], place.config.directory)
        with pytest.raises(NoSpace, match=r"668 KiB needed, \d+ KiB free; nothing was sent"):
            push(board, [make_file("big", os.urandom(600 << 10))], place.config.directory)

        assert _content(place) == {"old": b"old"}


@pytest.mark.parametrize("tools", ["md5sum", ""])
def test_boards_with_fewer_applets_are_served_alike(tools: str, make_file: MakeFile, tmp_path: Path) -> None:
    """Without sha256sum md5sum serves, and without both the content is read back."""
    applets = tmp_path / "applets"
    applets.mkdir()
    for name in [*_FEW, *tools.split()]:
        (applets / name).symlink_to(Path("/usr/bin") / name)
    files = [make_file("a", os.urandom(5000)), make_file("b", b"")]
    with simulated(sftp=False, env={"PATH": str(applets)}) as place, place.board() as board:
        push(board, files, place.config.directory)
        files[0].source.write_bytes(b"x" * 5000)
        report = push(board, files, place.config.directory)

        assert (PurePosixPath("a"),) == report.sent
        assert (place.current / "a").read_bytes() == b"x" * 5000


def test_progress_adds_up_to_the_bytes_sent(place: Place, make_file: MakeFile) -> None:
    """The last step of the progress is the whole."""
    events: list[Event] = []
    with place.board() as board:
        push(board, [make_file("a", bytes(100_000))], place.config.directory, emit=events.append)

    steps = [e for e in events if isinstance(e, Advanced)]
    assert (steps[-1].done, steps[-1].total) == (100_000, 100_000)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", "line\nbreak", ""])
def test_names_that_leave_the_directory_are_refused(name: str, sim: Place, make_file: MakeFile) -> None:
    """No name reaches outside `current/`."""
    with sim.board() as board, pytest.raises(UsageError, match="is no name for a file"):
        push(board, [make_file(name, b"1")], sim.config.directory)


def test_two_files_of_one_name_and_missing_ones_are_refused(
    sim: Place, make_file: MakeFile, tmp_path: Path
) -> None:
    """What cannot be meant is refused before the board is asked anything."""
    with sim.board() as board:
        with pytest.raises(UsageError, match="two files"):
            push(board, [make_file("a", b"1"), make_file("a", b"2")], sim.config.directory)
        with pytest.raises(MissingArtifact, match="no such file"):
            push(board, [BoardFile(source=tmp_path / "nil", name=PurePosixPath("nil"))], sim.config.directory)


def test_a_proven_chip_mismatch_is_refused_and_an_unknown_chip_warns() -> None:
    """Only two known and different chips stop a push."""
    events: list[Event] = []
    check_chip("pcupid", BoardFacts(chip="pcupid"), emit=events.append)
    assert events == []
    check_chip("pcupid", BoardFacts(), emit=events.append)
    check_chip(None, BoardFacts(chip="maruko"), emit=events.append)
    assert [Warned, Warned] == [type(e) for e in events]
    with pytest.raises(UsageError, match="model is for pcupid, the board is a maruko"):
        check_chip("pcupid", BoardFacts(chip="maruko"))

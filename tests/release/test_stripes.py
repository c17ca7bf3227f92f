"""Several channels for one transfer, where the server's window is small."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from deployer.board.base import Link
from deployer.board.files import stripes
from deployer.board.files.digests import file_digest
from deployer.board.files.streams import Piece
from deployer.board.files.stripes import Striped, channels, left_behind
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable
from deployer.events import Advanced, Event
from deployer.push import push
from tests.boards.conftest import MakeFile
from tests.boards.servers import Place, simulated


class Narrow(SshBoard):
    """A board whose server is taken for one with dropbear's window."""

    def link(self) -> Link:
        """The connection as it is, but for the window."""
        return replace(super().link(), window_bytes=24_576)


@pytest.mark.parametrize(
    ("total_bytes", "window_bytes", "count"),
    [
        (20 << 20, None, 1),  # unknown
        (20 << 20, 2 << 20, 1),  # OpenSSH
        (20 << 20, 24_576, 8),  # dropbear
        (20 << 20, 300_000, 4),
        (100_000, 24_576, 1),  # too little to be worth it
        (300_000, 24_576, 2),
    ],
)
def test_as_many_channels_as_make_up_a_full_window(total_bytes: int, window_bytes: int, count: int) -> None:
    """One channel where that is enough, eight at most."""
    assert count == channels(total_bytes, window_bytes)


def test_leftovers_are_read_from_their_names() -> None:
    """Of two steps the one that got further counts; other names are passed over."""
    names = ["ab", "cd.striped-4096", "cd.striped-4096.0", "cd.striped-4096.7", "cd.striped-8192.3", "e.x"]
    assert {"cd": Striped(step_bytes=4096, segments=frozenset({0, 7}))} == left_behind(names)
    assert {"e.x": Striped(step_bytes=8, segments=frozenset({1}))} == left_behind(["e.x.striped-8.1"])


def test_a_striped_push_brings_the_same(place: Place, make_file: MakeFile) -> None:
    """A large file in segments beside many small ones: all arrive whole, nothing of the making stays."""
    files = [
        make_file("models/eat.img", os.urandom(3_000_001)),
        make_file("prog", b"#!/bin/sh\n", executable=True),
    ]
    files += [make_file(f"clips/{n}.wav", os.urandom(20_000 + n)) for n in range(12)]
    events: list[Event] = []
    with Narrow(place.config) as board:
        push(board, files, place.config.directory, emit=events.append)

    content = place.content()
    assert all(content[str(f.name)] == f.source.read_bytes() for f in files)
    assert place.tree(PurePosixPath(place.config.directory / "staging")) == {}
    steps = [e for e in events if isinstance(e, Advanced)]
    assert (steps[-1].done, steps[-1].total) == (3_000_011 + sum(20_000 + n for n in range(12)),) * 2


def test_a_cut_striped_push_goes_on_with_the_missing_segments(make_file: MakeFile) -> None:
    """Segments that were through do not travel again, and the file is whole in the end."""
    big = make_file("big", os.urandom(8 << 20))
    with simulated() as place:
        assert place.sim is not None
        place.sim.link.drop_after_bytes = 5 << 20
        with pytest.raises(BoardUnreachable), Narrow(place.config) as board:
            push(board, [big], place.config.directory)
        place.sim.link.received_bytes = 0
        with Narrow(place.config) as board:
            push(board, [big], place.config.directory)

        assert place.content()["big"] == big.source.read_bytes()
        assert place.sim.link.received_bytes < 8 << 20


def test_a_spoilt_leftover_is_sent_again_whole(sim: Place, make_file: MakeFile) -> None:
    """What lies in staging is believed only after its checksum: a file spoilt by a power cut costs a transfer."""
    big = make_file("big", os.urandom(600_000))
    with sim.board() as board:
        report = push(board, [big], sim.config.directory, dry_run=True)
        assert report.bytes == 600_000
        staging = sim.files / "staging"
        staging.mkdir(parents=True)
        (staging / file_digest(big.source)).write_bytes(bytes(400_000))
        push(board, [big], sim.config.directory)

    assert sim.content()["big"] == big.source.read_bytes()


def test_segments_cover_a_file_exactly(make_file: MakeFile) -> None:
    """Every byte is in one segment, and those that are there are left out."""
    big = make_file("big", bytes(10_000))
    piece = Piece(source=big.source, target=PurePosixPath("/d/x"), end_bytes=10_000)
    there = Striped(step_bytes=4096, segments=frozenset({1}))
    found = [(s.offset_bytes, s.end_bytes) for s in stripes.segments(piece, PurePosixPath("/d/y"), there)]
    assert found == [(0, 4096), (8192, 10_000)]

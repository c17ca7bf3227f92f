"""What goes wrong under way: the board keeps what it had, and the next run completes."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from deployer.board.access.connect import open_socket
from deployer.board.base import Upload
from deployer.board.files.digests import file_digest
from deployer.errors import BoardUnreachable, NoSpace
from deployer.events import Advanced, Event
from deployer.push import push
from deployer.release.manifest import NAME
from tests.boards.conftest import MakeFile
from tests.boards.servers import SSHD_KINDS, Place, simulated


def _content(place: Place) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in place.current.iterdir() if p.name != NAME and p.is_file()}


@pytest.mark.parametrize("sftp", [True, False])
@pytest.mark.parametrize("drop_after_bytes", [0, 100_000, 390_000])
def test_a_cut_connection_leaves_the_old_files(
    sftp: bool, drop_after_bytes: int, make_file: MakeFile
) -> None:
    """Wherever a transfer breaks, the old release is current and whole; the next push completes."""
    files = [make_file("a", os.urandom(200_000)), make_file("b", os.urandom(200_000))]
    old = {str(f.name): f.source.read_bytes() for f in files}
    with simulated(sftp=sftp) as place:
        assert place.sim is not None
        with place.board() as board:
            push(board, files, place.config.directory)
        for file in files:
            file.source.write_bytes(os.urandom(200_000))
        place.sim.link.received_bytes = 0
        place.sim.link.drop_after_bytes = drop_after_bytes
        with pytest.raises(BoardUnreachable, match="connection was lost"), place.board() as board:
            push(board, files, place.config.directory)
        assert old == {name: (place.current / name).read_bytes() for name in old}

        with place.board() as board:
            report = push(board, files, place.config.directory)
        assert {str(f.name): f.source.read_bytes() for f in files} == _content(place)
        assert report.bytes <= 400_000


@pytest.mark.parametrize("sftp", [True, False])
def test_an_interrupted_push_leaves_nothing_half(sftp: bool, make_file: MakeFile) -> None:
    """Ctrl-C in the middle of a file: no release, no lock, and the next push goes on where it was cut off."""

    def interrupt(event: Event) -> None:
        if isinstance(event, Advanced) and event.done > 500_000:
            raise KeyboardInterrupt

    big = make_file("big", os.urandom(1 << 20))
    with simulated(sftp=sftp) as place, place.board() as board:
        with pytest.raises(KeyboardInterrupt):
            push(board, [big], place.config.directory, emit=interrupt)
        assert {"staging", "store"} == {p.name for p in place.files.iterdir()}

        events: list[Event] = []
        push(board, [big], place.config.directory, emit=events.append)
        resumed = next(e for e in events if isinstance(e, Advanced))
        assert resumed.done > 0
        assert _content(place) == {"big": big.source.read_bytes()}


@pytest.mark.parametrize("place", [*SSHD_KINDS], indirect=True)
def test_a_full_file_system_under_a_real_server_is_named(place: Place, make_file: MakeFile) -> None:
    """A push larger than a 1 MiB tmpfs is refused beforehand with the numbers of that file system."""
    place.files.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place.files)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        _fill(place, make_file)
    finally:
        subprocess.run(["umount", "-l", place.files], check=True)


def _fill(place: Place, make_file: MakeFile) -> None:
    big = make_file("big", os.urandom(2 << 20))
    with place.board() as board:
        with pytest.raises(NoSpace, match="2116 KiB needed, 1024 KiB free"):
            push(board, [big], place.config.directory)
        upload = Upload(
            source=big.source, target=place.config.directory / "big", sha256=file_digest(big.source)
        )
        with pytest.raises(NoSpace, match="2048 KiB to send"):
            board.push([upload])
        assert [] == [p for p in place.files.rglob("*") if p.is_file()]


def test_our_socket_sends_at_once(sim: Place) -> None:
    """Nagle's delay is off: with it every command takes 40 ms longer."""
    with open_socket(sim.config) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

"""A real board in a network of its own, a wire to it that can be spoilt, and an operator with fresh processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from deployer.board.config import BoardConfig
from deployer.push import BoardFile
from tests.boards import netns
from tests.boards.client import Client, Job, Outcome, client
from tests.boards.servers import Kind, Place, kind_missing, listening, real, reboot
from tests.boards.servers.frame import Frame
from tests.boards.wire import Wire

FLASH = "size=16m,nr_inodes=4000"
_PATIENCE_S = 15.0

RIGS = {
    "dropbear": Kind(server="dropbear", login="none"),
    "openssh": Kind(server="openssh", sftp=True),
    "sha1": Kind(server="openssh", sha1_only=True),  # reached by the `ssh` program: paramiko cannot
}
MAIN = ["dropbear", "openssh"]


@dataclass(frozen=True, kw_only=True)
class Rig:
    """`config` leads through the wire, `place.config` straight over the network."""

    place: Place
    config: BoardConfig
    frame: Frame
    network: netns.Network
    wire: Wire
    client: Client
    work: Path

    def release(self, folder: Path, *, size_bytes: int = 120_000) -> list[BoardFile]:
        """A release of fresh content: a program, a model of `size_bytes`, an empty file, an awkward name."""
        folder.mkdir()
        contents = {
            "prog": b"#!/bin/sh\necho " + os.urandom(8).hex().encode() + b"\n",
            "models/eat.img": os.urandom(size_bytes),
            "resource/empty.wav": b"",
            "resource/it's $1.wav": os.urandom(3000),
        }
        files = []
        for number, (name, content) in enumerate(contents.items()):
            source = folder / str(number)
            source.write_bytes(content)
            files.append(BoardFile(source=source, name=PurePosixPath(name), executable=name == "prog"))
        return files

    def push(self, files: list[BoardFile]) -> Outcome:
        """One push through the wire, to its end."""
        return self.client.push(self.config, files)

    def pushed(self, files: list[BoardFile]) -> None:
        """A push that has to go well."""
        outcome = self.push(files)
        assert (outcome.exit_code, self.place.content()) == (0, content(files)), outcome

    def held_push(self, files: list[BoardFile], at: float) -> Job:
        """A push that stands still when the share `at` of its bytes is through; `wire.stalled = False` goes on."""
        self.wire.to_board.reset()
        total = sum(f.source.stat().st_size for f in files)
        self.wire.hold_after_bytes = int(at * total)
        job = self.client.start(self.config, files)
        wait_until(lambda: self.wire.stalled)
        return job

    def idle(self) -> None:
        """Wait until the board has done with every command it was given, the last one of a lost client too."""
        wait_until(lambda: len(self.frame.processes()) == 1)

    def heal(self) -> None:
        """Network, wire, server and flash as they should be."""
        self.wire.heal()
        self.network.heal()
        self.mount_flash(FLASH)

    def mount_flash(self, options: str) -> None:
        """Mount the board's flash anew with other options; what is on it stays."""
        self.frame.mount("-o", f"remount,rw,exec,{options}", self.frame.spec.root / "customer")

    def reboot(self) -> None:
        """Cut the power and switch it on again."""
        with self.network.inside():
            reboot(self.place)

    def clear(self) -> None:
        """An empty flash."""
        for entry in self.place.files.parent.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def on_rigs(values: Sequence[float], few: Sequence[float]) -> pytest.MarkDecorator:
    """Every rig with every value; of the slow rig behind the `ssh` program only a few."""
    pairs = [(name, value) for name in RIGS for value in (values if name in MAIN else few)]
    return pytest.mark.parametrize(("rig", "at"), pairs, indirect=["rig"])


def content(files: list[BoardFile]) -> dict[str, bytes]:
    """What a release holds."""
    return {str(f.name): f.source.read_bytes() for f in files}


def wait_until(true: Callable[[], bool]) -> None:
    """Raises AssertionError when it does not come true."""
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def missing(kind: Kind) -> str | None:
    """Why no rig can be built here."""
    if reason := kind_missing(kind) or netns.missing():
        return reason
    return None if shutil.which("nft", path="/usr/sbin:/sbin") else "`nft` (nftables) is not installed"


@contextlib.contextmanager
def built(folder: Path, kind: Kind) -> Iterator[Rig]:
    """A rig, ready."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(netns.network())
        board = real(folder, kind, netns=network.board, address=netns.BOARD_ADDRESS, flash=FLASH)
        place = stack.enter_context(board)
        assert place.frame is not None
        with network.inside():
            listening(place)
            wire = stack.enter_context(Wire(place.config.host, place.config.port))
        operator = stack.enter_context(client(folder, netns=network.client))
        through = place.config.replace(host=wire.host, own_port=wire.port)
        yield Rig(
            place=place,
            config=through,
            frame=place.frame,
            network=network,
            wire=wire,
            client=operator,
            work=folder,
        )

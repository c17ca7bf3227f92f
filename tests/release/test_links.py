"""The links of a release come in one tar; a tar that cannot make them is found out before anything is current."""

from __future__ import annotations

import pytest

from board_runner.simboard.flash import STATE_FOLDER
from deployer.errors import TransferError
from deployer.push import BoardFile, push
from deployer.release.manifest import NAME
from tests.boards.conftest import MakeFile
from tests.boards.servers import Place

_TAR = """#!/bin/sh
PATH=/usr/bin:/bin
case $PWD in
*/releases/*) {instead} ;;
*) exec tar "$@" ;;
esac
"""


def _give_tar(place: Place, instead: str) -> None:
    """The board's tar does something else in the folder of a release."""
    assert place.sim is not None
    tar = place.sim.root / STATE_FOLDER / "bin/tar"
    tar.write_text(_TAR.format(instead=instead))
    tar.chmod(0o755)


def _files(make_file: MakeFile) -> list[BoardFile]:
    names = ("prog_sed_eat", "models/eat.img", "-a b.wav", "ü\u2028.wav", "deep/er/x", "n" * 200)
    return [make_file(name, name.encode(), executable=name.startswith("prog")) for name in names]


@pytest.mark.parametrize(
    "instead",
    ['exec tar "$@"', 'tar "$@"; find . -type l -exec rm -f {} +', 'tar "$@"; rm -f models/eat.img'],
)
def test_every_name_is_there_whatever_tar_leaves_out(sim: Place, make_file: MakeFile, instead: str) -> None:
    """An old BusyBox passes over links to absolute names: those are made one by one."""
    _give_tar(sim, instead)
    files = _files(make_file)
    with sim.board() as board:
        push(board, files, sim.config.directory)
        again = push(board, files, sim.config.directory)

    said = sim.content()
    said.pop(NAME, None)
    assert {str(f.name): str(f.name).encode() for f in files} == said
    assert () == again.sent


def test_a_tar_that_fails_leaves_the_former_release_current(sim: Place, make_file: MakeFile) -> None:
    """It may have cut the manifest short: the push ends in words, and the next one by another way is whole."""
    model = make_file("eat.img", b"first")
    with sim.board() as board:
        push(board, [model], sim.config.directory)
    _give_tar(sim, "exit 2")
    model.source.write_bytes(b"second")

    with sim.board() as board, pytest.raises(TransferError, match="tar cannot unpack links"):
        push(board, [model], sim.config.directory)
    assert b"first" == sim.content()["eat.img"]
    with sim.board(transfer="cat") as board:
        push(board, [model], sim.config.directory)
    assert b"second" == sim.content()["eat.img"]

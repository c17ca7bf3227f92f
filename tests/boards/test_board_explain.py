"""What `deploy explain` gathers is the bytes of the board, whatever server and tools the board has."""

from __future__ import annotations

from pathlib import Path

from deployer import push as push_step
from deployer.board.files import digests
from deployer.explaining import on_board
from deployer.explaining.case import Held, Names, OnHost
from deployer.records import BoardInfo, RunRecord
from tests.boards.conftest import MakeFile
from tests.boards.servers import Place

NAMES = Names(program="prog", model="models/eat.img", clips=("it's a clip.wav", "gone.wav"))


def test_the_bytes_of_any_board_are_had(any_board: Place, make_file: MakeFile, tmp_path: Path) -> None:
    """By checksums where the bytes are here, fetched where they are not: damaged, unknown and missing ones."""
    contents = [b"#!/bin/sh\n", b"model" * 3000, b"RIFF" + bytes(range(256)), b"to be removed"]
    files = [
        make_file(name, content, executable=name == "prog")
        for name, content in zip(NAMES.all, contents, strict=True)
    ]
    with any_board.board() as board:
        push_step.push(board, files, any_board.config.directory)
    there = {name: any_board.seen(any_board.config.directory / "current" / name) for name in NAMES.all}
    there["gone.wav"].unlink()
    damaged = bytearray(contents[1])
    damaged[7] ^= 1
    there["models/eat.img"].chmod(0o644)
    there["models/eat.img"].write_bytes(damaged)
    record = _record({str(file.name): digests.file_digest(file.source) for file in files})
    here = OnHost(now={"prog": files[0].source}, by_sha256={record.sha256["prog"]: files[0].source})
    work = tmp_path / "work"
    work.mkdir()

    with any_board.board() as board:
        side, held = on_board.gather(board, record, NAMES, here, work)

    assert side.current and side.release is not None
    assert files[0].source == held["prog"].path and not held["prog"].changed
    model, clip = held["models/eat.img"], held["it's a clip.wav"]
    assert model.changed and bytes(damaged) == _bytes(model)
    assert model.released == model.recorded
    assert not clip.changed and contents[2] == _bytes(clip)
    assert held["gone.wav"].there is False and held["gone.wav"].path is None


def _bytes(held: Held) -> bytes:
    assert held.path is not None
    return held.path.read_bytes()


def _record(sha256: dict[str, str]) -> RunRecord:
    return RunRecord(
        id="20260101-000000-bench-0",
        kind="bench",
        created="2026-01-01T00:00:00+00:00",
        model="eat",
        board=BoardInfo(name="any"),
        labels=(),
        targets={},
        sha256=sha256,
        settings={},
        samples=(),
    )

"""What we write for the vendor's tools, and what we read off their console and folders."""

from __future__ import annotations

import os
from pathlib import Path

from toolchain_wrappers.sigmastar import commands
from toolchain_wrappers.sigmastar.commands import Tree


def test_convert_sh_is_called_as_documented(tmp_path: Path) -> None:
    """The toolchain's path is absolute even if it was configured otherwise."""
    tree = Tree(models_dir=tmp_path, tools_dir=Path("tools"), algorithm="sed/eat")

    words = commands.convert(tree, "config/sed_eat.cfg", simulate=False)

    tools = str(Path.cwd() / "tools")
    assert [
        "bash",
        "convert.sh",
        "-a",
        "sed/eat",
        "-c",
        "config/sed_eat.cfg",
        "-p",
        tools,
        "-s",
        "false",
    ] == words


def test_what_a_run_wrote_is_told_from_what_was_there(tmp_path: Path) -> None:
    """An older file with a newer date is not taken; a file written again with the same size is."""
    old, again = tmp_path / "pcupid_1" / "eat.img", tmp_path / "pcupid_2" / "eat.img"
    for path in (old, again):
        path.parent.mkdir()
        path.write_bytes(b"x")
    future = old.stat().st_mtime + 1000
    os.utime(old, (future, future))
    before = commands.snapshot(tmp_path)
    replaced = again.with_suffix(".new")
    replaced.write_bytes(b"y")
    replaced.replace(again)

    assert [again] == commands.named(commands.written(before, commands.snapshot(tmp_path)), "eat.img")


def test_colour_is_no_failure_and_a_redrawn_bar_is_one_line() -> None:
    """The vendor prints good news in red and redraws its bar with carriage returns."""
    assert "Run Pack Tool OK." == commands.plain("\x1b[31mRun Pack Tool OK.\x1b[0m\n")
    assert "[=]100.00% | ETA: 00:00:00" == commands.plain(
        "\r[ ]1.00% | ETA: 00:00:09\r[=]100.00% | ETA: 00:00:00"
    )
    assert 12.34 == commands.percent("[==>   ]12.34% | ETA: 00:00:10")
    assert commands.percent("Run evaluation OK.") is None

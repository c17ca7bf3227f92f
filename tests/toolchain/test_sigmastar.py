"""What we write for the vendor's tools, and what we read off their console and folders."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import pytest

from toolchain_wrappers.sigmastar import commands, settings
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.settings import Cfg


def test_the_cfg_has_the_documented_keys_in_their_own_case() -> None:
    """`Model_LIST` is the one in mixed case."""
    cfg = Cfg(section="EAT", chip="pcupid", model="eat_sim", ini="i.ini", image="eat.img", data="quant_data")

    assert cfg.text() == (
        "[EAT]\nCHIP_LIST=pcupid\nModel_LIST=eat_sim\nINPUT_SIZE_LIST=0\nINPUT_INI_LIST=i.ini\n"
        "CLASS_NUM_LIST=0\nSAVE_NAME_LIST=eat.img\nQUANT_DATA_PATH=quant_data\n"
    )


@pytest.mark.parametrize("conv_format", ["ALL_UINT8", "ALL_INT16"])
def test_the_ini_is_one_that_configparser_reads(conv_format: settings.ConvFormat) -> None:
    """Lists as long as there are inputs, no blanks in them, `;` at the end of values."""
    text = settings.ini_text(inputs=["a", "b"], outputs=["output"], conv_format=conv_format)
    ini = configparser.ConfigParser()
    ini.read_string(text)

    assert "a,b;" == ini["INPUT_CONFIG"]["inputs"]
    assert "RAWDATA_F32_NHWC,RAWDATA_F32_NHWC;" == ini["INPUT_CONFIG"]["input_formats"]
    assert ini["INPUT_CONFIG"]["training_input_formats"] == ini["INPUT_CONFIG"]["input_formats"]
    assert "FALSE;" == ini["OUTPUT_CONFIG"]["dequantizations"]
    assert f'"{conv_format}";' == ini["CONV_CONFIG"]["input_format"]


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

"""What the calibrator reads from `input_config.ini`."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import console

from board_runner.quant.settings import INPUT_FORMATS


def read(path: Path) -> configparser.ConfigParser:
    """The ini; inline comments begin with `#`."""
    if not path.is_file():
        raise FileNotFoundError(f"{console.RED}input_config.ini file not found.{console.PLAIN}")
    ini = configparser.ConfigParser(inline_comment_prefixes=("#",))
    ini.read(path)
    return ini


def input_name(ini: configparser.ConfigParser) -> str:
    """The one input of the model."""
    return ini["INPUT_CONFIG"]["inputs"].strip("\"'; ")


def bits(ini: configparser.ConfigParser) -> dict[str, Any]:
    """`[CONV_CONFIG]` as the quantiser's settings; what stands there goes before the tool's choice."""
    section = ini["CONV_CONFIG"] if ini.has_section("CONV_CONFIG") else {}
    wanted = section.get("input_format", "").strip("\"'; ")
    arrays = [name.strip("\"'; ") for name in section.get("tensor_arrays", "").split(",")]
    if wanted and wanted not in INPUT_FORMATS:
        raise ValueError(f"{console.RED}[CONV_CONFIG] input_format {wanted} is not one{console.PLAIN}")
    named = tuple(name for name in arrays if name)
    return {
        "int16_kinds": INPUT_FORMATS[wanted or "ALL_UINT8"],
        "int16_inputs": named,
        "upgrade": not wanted and not named,
    }

"""A choice put into `deploy.yaml`: two keys of one section, every other line left as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import ConfigError
from deployer.settings import config, yaml_source
from toolchain_wrappers.sigmastar.input_config import ConvFormat

SECTION = "toolchain"
KEYS = ("conv_input_format", "tensor_arrays")


def apply(path: Path, conv_format: ConvFormat, tensor_arrays: Sequence[str]) -> None:
    """Set `toolchain.conv_input_format` and `.tensor_arrays`; the file is written only if it reads back so.

    Raises ConfigError for a file that is not readable, or whose section is not in block style.
    """
    yaml_source.read(path)
    old = path.read_text(encoding="utf-8")
    text = changed(old, conv_format, tensor_arrays)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    try:
        section = config.load(fresh).settings.toolchain
        if (section.conv_input_format, section.tensor_arrays) != (conv_format, tuple(tensor_arrays)):
            raise ConfigError(f"{path}: cannot be edited", hint="set toolchain.tensor_arrays by hand")
    except ConfigError as e:
        fresh.unlink()
        raise ConfigError(str(e).replace(str(fresh), str(path)), hint=e.hint) from e
    fresh.replace(path)


def changed(text: str, conv_format: ConvFormat, tensor_arrays: Sequence[str]) -> str:
    """The text of the file with both keys set."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(rf"{SECTION}:\s*(#.*)?$", line)), None)
    if start is None:
        return "\n".join([*lines, "", f"{SECTION}:", *_entries(conv_format, tensor_arrays, "  ")]) + "\n"
    end = next((i for i in range(start + 1, len(lines)) if re.match(r"[^\s#-]", lines[i])), len(lines))
    body, indent = _without_keys(lines[start + 1 : end])
    kept = [*lines[: start + 1], *_entries(conv_format, tensor_arrays, indent), *body, *lines[end:]]
    return "\n".join(kept) + "\n"


def _without_keys(body: Sequence[str]) -> tuple[list[str], str]:
    """The section without our keys and what belongs to them, and how far its keys are indented."""
    keys = [match for line in body if (match := re.match(r"(\s+)[A-Za-z_]+:", line))]
    indent = keys[0][1] if keys else "  "
    kept: list[str] = []
    dropping = False
    for line in body:
        depth = len(line) - len(line.lstrip())
        if re.match(rf"{indent}({'|'.join(KEYS)}):", line):
            dropping = True
            continue
        belongs = depth > len(indent) or line.startswith(f"{indent}- ")
        dropping = dropping and bool(line.strip()) and belongs
        if not dropping:
            kept.append(line)
    return kept, indent


def _entries(conv_format: ConvFormat, tensor_arrays: Sequence[str], indent: str) -> list[str]:
    entries = [f"{indent}conv_input_format: {conv_format}"]
    if tensor_arrays:
        entries.append(f"{indent}tensor_arrays:   # by `deploy tune`; goes before conv_input_format")
        entries += [f"{indent}  - {_quoted(name)}" for name in tensor_arrays]
    return entries


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"

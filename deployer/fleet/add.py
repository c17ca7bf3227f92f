"""A board written into its YAML file: one insertion, every other byte as it was, and checked before it is kept."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from board_runner.errors import UsageError
from deployer.fleet import inventory
from deployer.fleet.inventory import DEPLOY_YAML, OWN_FILE, Sections
from deployer.settings import yaml_source
from deployer.settings.config import FILE_NAME, Deployment

_PLAIN = re.compile(r"[A-Za-z][\w./-]*\Z")
_INDENT = 2


def add_board(deployment: Deployment, name: str, fields: Mapping[str, Any], *, folder: Path) -> Path:
    """Write a board into the inventory file, or else deploy.yaml, which is made in `folder` if there is none.

    Raises UsageError where the name is taken or the file cannot be extended without harm, ConfigError for a
    setting that does not hold; the file is then as it was.
    """
    if name in deployment.boards:
        known = deployment.boards[name]
        raise UsageError(
            f"there is a board {name!r} already, {known.address}",
            hint="choose another name, or change it in the file",
        )
    if deployment.settings.inventory is not None:
        path, sections = deployment.root / deployment.settings.inventory.expanduser(), OWN_FILE
    else:
        path, sections = deployment.path or folder / FILE_NAME, DEPLOY_YAML
    given = {key: value for key, value in fields.items() if value}
    _Addition(path=path.resolve(), sections=sections, name=name, fields=given).write()
    return path


def insert(text: str, section: str, name: str, fields: Mapping[str, Any]) -> str:
    """The text with the board added at the end of its section. Raises UsageError where that is not safe."""
    newline = "\r\n" if "\r\n" in text else "\n"
    edit = _edit(text, section, name, fields)
    start = edit.at
    before, after = text[:start], text[edit.until if edit.until is not None else start :]
    if edit.whole_lines and before and not before.endswith("\n"):
        before += newline
    return before + edit.new.replace("\n", newline) + after


@dataclass(frozen=True, kw_only=True)
class _Edit:
    at: int
    new: str
    whole_lines: bool = True
    until: int | None = None


def _edit(text: str, section: str, name: str, fields: Mapping[str, Any]) -> _Edit:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return _Edit(at=len(text), new=f"{section}:\n{_block(name, fields, _INDENT)}")
    assert isinstance(root, yaml.MappingNode)  # `yaml_source.read` has seen to that
    key, value = next(((k, v) for k, v in root.value if k.value == section), (None, None))
    if key is None or value is None:
        if root.flow_style:
            return _in_flow(root, f"{json.dumps(section)}: {{{_flow(name, fields)}}}")
        return _Edit(at=len(text), new=f"{section}:\n{_block(name, fields, _INDENT)}")
    if isinstance(value, yaml.MappingNode) and value.value:
        if value.flow_style:
            return _in_flow(value, _flow(name, fields))
        indent = value.value[0][0].start_mark.column
        at = _own_comments(text, _line_after(text, _end_of(value)), indent)
        return _Edit(at=at, new=_block(name, fields, indent))
    if root.flow_style:
        return _Edit(
            at=value.start_mark.index,
            until=value.end_mark.index,
            new=f"{{{_flow(name, fields)}}}",
            whole_lines=False,
        )
    # Empty: `boards:`, `boards: {}` or `boards: null`; what else the line has, such as a comment, stays.
    rest = text[value.end_mark.index : _line_after(text, value.end_mark.index)].rstrip("\r\n")
    start = key.end_mark.index + 1
    return _Edit(
        at=start,
        until=_line_after(text, value.end_mark.index),
        new=f"{rest}\n{_block(name, fields, key.start_mark.column + _INDENT)}",
        whole_lines=False,
    )


def _in_flow(node: yaml.MappingNode, entry: str) -> _Edit:
    """After the last entry of `{...}`, so that a trailing comma does no harm."""
    if not node.value:
        return _Edit(at=node.start_mark.index + 1, new=entry, whole_lines=False)
    return _Edit(at=node.value[-1][1].end_mark.index, new=f", {entry}", whole_lines=False)


def _end_of(node: yaml.Node) -> int:
    """Where the last thing of a block ends; the block's own mark lies behind the comments that follow."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end_of(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _line_after(text: str, index: int) -> int:
    """Where the next line begins; `index` itself if it begins one (a block scalar ends like that)."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _own_comments(text: str, index: int, indent: int) -> int:
    """Past the comments that stand deeper than the last board's name: they are of its settings."""
    while (found := re.compile(r"[ \t]*(?=#)").match(text, index)) and found.end() - index > indent:
        index = _line_after(text, found.end())
    return index


def _block(name: str, fields: Mapping[str, Any], indent: int) -> str:
    lines = [f"{' ' * indent}{_scalar(name)}:"]
    lines += [f"{' ' * (indent + _INDENT)}{key}: {_scalar(value)}" for key, value in fields.items()]
    return "".join(f"{line}\n" for line in lines)


def _flow(name: str, fields: Mapping[str, Any]) -> str:
    """JSON, which is YAML."""
    return f"{json.dumps(name)}: {json.dumps(dict(fields), ensure_ascii=False)}"


def _scalar(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, str) and _PLAIN.match(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class _Addition:
    path: Path
    sections: Sections
    name: str
    fields: Mapping[str, Any]

    def write(self) -> None:
        """Replace the file by one with the board, or leave it as it is."""
        before: dict[str, Any] = {}
        text = "version: 1\n" if self.sections is DEPLOY_YAML else ""
        if self.path.is_file():
            before = yaml_source.read(self.path).data
            text = self.path.read_bytes().decode("utf-8")
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.write_bytes(insert(text, self.sections.boards, self.name, self.fields).encode("utf-8"))
        try:
            self._check(fresh, before)
            if self.path.is_file():
                shutil.copymode(self.path, fresh)
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)

    def _check(self, fresh: Path, before: dict[str, Any]) -> None:
        """The new file must say what the old one said and the new board, nothing else."""
        try:
            source = yaml_source.read(fresh)
        except UsageError as e:
            raise self._not_safe() from e
        boards = {**(before.get(self.sections.boards) or {}), self.name: dict(self.fields)}
        expected = {**before, self.sections.boards: boards}
        if {"version": 1, **source.data} != {"version": 1, **expected}:
            raise self._not_safe()
        inventory.parse(replace(source, path=self.path), self.sections)

    def _not_safe(self) -> UsageError:
        text = _block(self.name, self.fields, _INDENT).replace("\n", "\n  ").rstrip()
        return UsageError(
            f"{self.path}: the board cannot be added without touching other lines; nothing was written",
            hint=f"add it by hand under `{self.sections.boards}:`\n  {text}",
        )

"""YAML that remembers its lines, so that a complaint can name the place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deployer.errors import ConfigError

Key = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class YamlSource:
    """The data of one YAML file, and the line (from 1) of every key in it."""

    path: Path
    data: dict[str, Any]
    lines: dict[Key, int]

    def place(self, key: Key) -> str:
        """`file:line` of a key, or of the nearest enclosing one."""
        for end in range(len(key), -1, -1):
            if key[:end] in self.lines:
                return f"{self.path}:{self.lines[key[:end]]}"
        return str(self.path)


def read(path: Path) -> YamlSource:
    """Parse one file whose top level is a mapping; raises ConfigError with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    try:
        node, data = _parsed(text)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not valid YAML: {e.problem}") from e
    except yaml.YAMLError as e:
        raise ConfigError(f"{path}: not valid YAML: {e}") from e
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}:1: the file holds a {type(data).__name__}, not keys and values")
    lines: dict[Key, int] = {}
    try:
        _collect(node, (), lines, path)
    except RecursionError as e:  # `a: &a [*a]`
        raise ConfigError(f"{path}: an alias (`*`) is part of what it stands for") from e
    return YamlSource(path=path, data=data, lines=lines)


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The document and what it says; by libyaml where it is there, which is ten times as quick.

    What is wrong is told by the Python parser alone, always in the same words. Raises yaml.YAMLError.
    """
    if yaml.__with_libyaml__:
        try:
            return _read_by(yaml.CSafeLoader, text)
        except yaml.YAMLError:
            pass
    return _read_by(yaml.SafeLoader, text)


def _read_by(parser: type[yaml.SafeLoader | yaml.CSafeLoader], text: str) -> tuple[yaml.Node | None, Any]:
    loader = parser(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _collect(node: yaml.Node | None, key: Key, lines: dict[Key, int], path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for name, value in node.value:
            _check_text(name, path)
            child = (*key, str(name.value))
            if name.value in seen:  # YAML lets the last one win in silence
                raise ConfigError(f"{path}:{name.start_mark.line + 1}: key {name.value!r} is there twice")
            seen.add(name.value)
            lines[child] = name.start_mark.line + 1
            _collect(value, child, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*key, index)] = value.start_mark.line + 1
            _collect(value, (*key, index), lines, path)
    elif isinstance(node, yaml.ScalarNode):
        _check_text(node, path)


def _check_text(node: yaml.Node, path: Path) -> None:
    """YAML's `\\ud800` is half of a character: no file, board or terminal takes it."""
    try:
        str(node.value).encode()
    except UnicodeEncodeError as e:
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: {node.value!r} is no text ({e.reason})") from e

"""The boards of a YAML file: defaults, below them groups, below them each board's own settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from deployer.board.config import BoardConfig
from deployer.errors import ConfigError
from deployer.settings import yaml_source
from deployer.settings.config_errors import HINT, complaint, nearest
from deployer.settings.yaml_source import Key, YamlSource
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault

_MERGED = ("env", "places")
"""Maps, of which a more special setting adds or replaces single entries."""

_NEVER_NULL = frozenset(
    field.encode_name for field in msgspec.structs.fields(BoardConfig) if field.default is not None
) | {"port", "user"}  # their default is what every board has

_NAME = re.compile(r"[^\W_][\w.+-]*\Z")
_NOT_SHARED = frozenset({"name", "groups"})
_STAND_IN: dict[str, Any] = {"name": "x", "host": "x"}
"""What every board must have and a group need not, while the group is checked on its own."""


@dataclass(frozen=True, kw_only=True)
class Sections:
    """Under which keys a file keeps its boards, and what holds for several of them."""

    boards: str = "boards"
    groups: str = "groups"
    defaults: str = "defaults"


OWN_FILE = Sections()
DEPLOY_YAML = Sections(groups="board_groups", defaults="board_defaults")


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Boards by name, in the order of the file, and the groups that are declared."""

    boards: Mapping[str, BoardConfig] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


def read(path: Path) -> Inventory:
    """Read a file of boards alone. Raises ConfigError with file, line, key and the nearest known key."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such file", hint="`inventory:` in deploy.yaml names it")
    source = yaml_source.read(path)
    known = (OWN_FILE.defaults, OWN_FILE.groups, OWN_FILE.boards)
    for key in source.data:
        if key not in known:
            raise ConfigError(
                f"{source.place((str(key),))}: unknown key {str(key)!r}", hint=nearest(str(key), known)
            )
    return parse(source, OWN_FILE)


def parse(source: YamlSource, sections: Sections) -> Inventory:
    """The boards of one file; its defaults and groups hold for its own boards. Raises ConfigError."""
    reader = _Reader(source, sections)
    defaults = reader.layer((sections.defaults,))
    groups = {name: reader.layer((sections.groups, name)) for name in reader.names(sections.groups)}
    boards = {}
    for name in reader.names(sections.boards):
        if not _NAME.match(name):
            place = source.place((sections.boards, name))
            raise ConfigError(
                f"{place}: {name!r} cannot be a board's name",
                hint="letters and digits first, then also . _ + -; what else it is called may be a tag",
            )
        boards[name] = reader.board(name, defaults, groups)
    return Inventory(boards=boards, groups=tuple(groups))


def join(first: Inventory, second: Inventory) -> Inventory:
    """Both together. Raises ConfigError for a board that is in both."""
    for name in second.boards:
        if name in first.boards:
            raise ConfigError(
                f"board {name!r} is in deploy.yaml and in the inventory file",
                hint="leave it in one of them: which one counts would be a guess",
            )
    groups = tuple(dict.fromkeys([*first.groups, *second.groups]))
    return Inventory(boards={**first.boards, **second.boards}, groups=groups)


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """Settings that stand under one key of the file."""

    key: Key
    fields: Mapping[str, Any]


class _Reader:
    def __init__(self, source: YamlSource, sections: Sections) -> None:
        self._source, self._sections = source, sections

    def names(self, section: str) -> list[str]:
        found = self._mapping((section,), self._source.data.get(section))
        for name in found:
            if not isinstance(name, str):
                raise ConfigError(
                    f"{self._source.place((section, str(name)))}: {section}.{name}: a name, not a number or date",
                    hint=f"put it in quotes: '{name}'",
                )
        return [str(name) for name in found]

    def layer(self, key: Key) -> _Layer:
        """Settings that several boards share, checked on their own so that an unused fault shows too."""
        fields = self._mapping(key, self._at(key))
        for name in fields:
            if name in _NOT_SHARED:
                where = ".".join(map(str, (*key, name)))
                raise ConfigError(
                    f"{self._source.place((*key, name))}: {where}: only a board has that", hint=HINT
                )
        self._validated({**_STAND_IN, **fields}, lambda loc: (*key, *loc))
        return _Layer(key=key, fields=fields)

    def board(self, name: str, defaults: _Layer, groups: Mapping[str, _Layer]) -> BoardConfig:
        key: Key = (self._sections.boards, name)
        own = _Layer(key=key, fields=self._mapping(key, self._at(key)))
        merged, origin = _merge([defaults, *self._groups_of(own, groups), own])

        def locate(loc: Key) -> Key:
            deep = loc[:2] if loc[0] in _MERGED else loc[:1]
            return (*origin.get(deep, origin.get(loc[:1], (*key, *loc[:1]))), *loc[len(deep) :])

        config = self._validated({**merged, "name": name}, locate)
        if "name" in own.fields:
            raise ConfigError(
                f"{self._source.place((*key, 'name'))}: unknown key '{'.'.join(map(str, key))}.name'",
                hint=f"the board is called {name!r} by its key",
            )
        if config.key is None:
            return config
        return config.replace(key=self._source.path.parent.resolve() / config.key.expanduser())

    def _groups_of(self, own: _Layer, groups: Mapping[str, _Layer]) -> list[_Layer]:
        wanted = own.fields.get("groups") or []
        if not isinstance(wanted, list):
            return []  # what is wrong with it is told when the whole board is checked
        for index, name in enumerate(wanted):
            if name not in groups:
                where = self._source.place((*own.key, "groups", index))
                raise ConfigError(
                    f"{where}: {'.'.join(map(str, own.key))}: no group {str(name)!r} under "
                    f"`{self._sections.groups}:`",
                    hint=nearest(str(name), groups)
                    if groups
                    else f"write {self._sections.groups}: {{{name}: }}",
                )
        return [groups[name] for name in wanted]

    def _validated(self, fields: Mapping[str, Any], locate: Any) -> BoardConfig:
        try:
            return intake.record(BoardConfig, fields)
        except Fault as e:
            raise complaint(self._source, e, locate(e.key)) from e

    def _at(self, key: Key) -> Any:
        value: Any = self._source.data
        for part in key:
            value = (value or {}).get(part)
        return value

    def _mapping(self, key: Key, value: Any) -> dict[str, Any]:
        if value is None:  # a section whose every line is commented out
            return {}
        if not isinstance(value, dict):
            where = ".".join(map(str, key))
            kind = type(value).__name__
            raise ConfigError(
                f"{self._source.place(key)}: {where} holds a {kind}, not keys and values", hint=HINT
            )
        return value


def _merge(layers: Sequence[_Layer]) -> tuple[dict[str, Any], dict[Key, Key]]:
    """The last layer wins, key by key; maps are joined, tags collected. Also where each value stands."""
    merged: dict[str, Any] = {}
    origin: dict[Key, Key] = {}
    for layer in layers:
        for name, value in layer.fields.items():
            if value is None and name in _NEVER_NULL:
                continue  # `tags:` with every line below it commented out
            origin[(name,)] = (*layer.key, name)
            if name in _MERGED and isinstance(value, dict):
                origin |= {(name, str(entry)): (*layer.key, name, str(entry)) for entry in value}
                merged[name] = {**(merged.get(name) or {}), **value}
            elif name == "tags" and isinstance(value, list):
                merged[name] = list(dict.fromkeys([*(merged.get(name) or []), *value]))
            else:
                merged[name] = value
    return merged, origin

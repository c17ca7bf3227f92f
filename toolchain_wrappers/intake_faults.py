"""msgspec's first complaint, taken apart: where the value is, what is wrong in plain words, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from toolchain_wrappers.fault import Fault, Key

Convert = Callable[[Any, Any], Any]
"""A kind and data -> the record. Raises msgspec.ValidationError."""

_SAID = re.compile(r"(?P<words>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|(?P<entry>\[\.\.\.\])")
_FIELD = re.compile(r"Object (?P<fault>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)
_TYPES = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "keys and values",
    "str": "text",
}


def fault(kind: Any, data: Any, error: msgspec.ValidationError, convert: Convert) -> Fault:
    """What `error` says of `data`, which `convert` makes no record of this kind of."""
    said = _SAID.fullmatch(str(error))
    assert said is not None  # every text is words
    key = tuple(_steps(kind, data, said["path"] or "", str(error), convert))
    if isinstance(error.__cause__, Fault):  # a section's own, which counts from there
        key = (*key, *error.__cause__.key)
        return Fault(key, error.__cause__.words, **_shown(data, key))
    about = list(_along(msgspec.inspect.type_info(kind), key))[-1]
    if (field := _FIELD.fullmatch(said["words"])) is not None:
        key = (*key, field["name"])
        if field["fault"] == "missing required":
            return Fault(key, "is missing")
        return Fault(key, "is not known", known=tuple(f.encode_name for f in _fields(about)))
    if said["key"]:
        return Fault(key, f"holds a key that is no {_TYPES['str']}")
    return Fault(key, _allowed(about) or _worded(said["words"]), **_shown(data, key))


def _steps(kind: Any, data: Any, path: str, complaint: str, convert: Convert) -> Iterator[str | int]:
    """The way that msgspec names; which entry of a mapping it means, it does not say: the first one at fault."""
    key: Key = ()
    for step in _STEP.finditer(path):
        if step["entry"]:
            key = (*key, _entry(kind, data, key, complaint, convert))
        else:
            key = (*key, step["name"] if step["name"] is not None else int(step["index"]))
        yield key[-1]


def _entry(kind: Any, data: Any, key: Key, complaint: str, convert: Convert) -> str:
    entries: Mapping[str, Any] = _at(data, key)
    for name, value in entries.items():
        try:
            convert(kind, _with(data, key, {name: value}))
        except msgspec.ValidationError as e:
            if str(e) == complaint:
                return name
    return "*"


def _at(data: Any, key: Key) -> Any:
    for step in key:
        data = data[step]
    return data


def _with(data: Any, key: Key, value: Any) -> Any:
    if not key:
        return value
    changed: Any = dict(data) if isinstance(data, Mapping) else list(data)
    changed[key[0]] = _with(data[key[0]], key[1:], value)
    return changed


def _shown(data: Any, key: Key) -> dict[str, Any]:
    try:
        value = _at(data, key)
    except (KeyError, IndexError, TypeError):  # a default of ours
        return {}
    return {"value": value, "shown": not isinstance(value, Mapping | list | tuple)}


def _along(kind: Any, key: Key) -> Iterator[Any]:
    """What msgspec knows of the types on the way, the whole first; a description stays on its type."""
    yield kind
    for step in key:
        kind = next(_inside(kind, step), msgspec.inspect.AnyType())
        yield kind


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    for field in _fields(kind):
        if step == field.encode_name:
            yield field.type
    for choice in _choices(kind):
        for name in ("value_type", "item_type"):
            if hasattr(choice, name):
                yield getattr(choice, name)


def _fields(kind: Any) -> Iterator[Any]:
    for choice in _choices(kind):
        yield from getattr(choice, "fields", ())


def _choices(kind: Any) -> Iterator[Any]:
    """A type without what is said of it, and every one of several."""
    if isinstance(kind, msgspec.inspect.Metadata):
        yield from _choices(kind.type)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for choice in kind.types:
            yield from _choices(choice)
    else:
        yield kind


def _allowed(about: Any) -> str:
    """What a type's description says is allowed, or its choices; nothing for one that has neither."""
    if isinstance(about, msgspec.inspect.Metadata):
        said = (about.extra_json_schema or {}).get("description")
        return f"must be {said}" if said else _allowed(about.type)
    if isinstance(about, msgspec.inspect.UnionType):
        return next(filter(None, map(_allowed, about.types)), "")
    if isinstance(about, msgspec.inspect.LiteralType):
        return f"must be {' or '.join(map(repr, about.values))}"
    return ""


def _worded(said: str) -> str:
    def plain_word(found: re.Match[str]) -> str:
        return " or ".join(_TYPES.get(word, f"a {word}") for word in found[1].split(" | "))

    words = (
        re.sub(r"`([a-z |]+)`", plain_word, said).replace("Expected ", "must be ").replace(", got ", ", not ")
    )
    return words[:1].lower() + words[1:]

"""What is wrong with a configuration file, in words that name file, line, key and the nearest known key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from deployer.errors import ConfigError
from deployer.settings.yaml_source import Key, YamlSource

if TYPE_CHECKING:
    from deployer.checked import Checked

_LISTED = 20

HINT = "docs/configuration.md lists the keys"


def complaint(
    source: YamlSource, error: ValueError, record: type[Checked], *, locate: Callable[[Key], Key]
) -> ConfigError:
    """The first fault that pydantic found; `locate` turns a place in the record into the key of the file."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        raise error
    # A misspelt key often leaves a required one missing: the misspelling is the fault to name.
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    key = locate(tuple(first["loc"]))
    place, dotted = source.place(key), ".".join(str(part) for part in key)
    if first["type"] == "extra_forbidden":
        known = _known_keys(record, tuple(first["loc"][:-1]))
        return ConfigError(f"{place}: unknown key {dotted!r}", hint=nearest(str(key[-1]), known))
    value = first.get("input")
    shown = "" if isinstance(value, dict | list) or first["type"] == "missing" else f" (it is {value!r})"
    return ConfigError(f"{place}: {dotted}: {first['msg']}{shown}", hint=HINT)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or all that is known."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {listed(names)}"


def listed(names: Iterable[str]) -> str:
    """The names for a hint: all of a few, the first of many."""
    every = list(names)
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return (", ".join(every[:_LISTED]) or "none") + more


def _known_keys(record: type[Checked], location: Key) -> list[str]:
    from deployer.checked import shape

    for part in location:
        known = shape(record)
        inner = known.sections.get(known.kinds.get(str(part), ""))
        if inner is None:
            return []
        record = inner
    return list(shape(record).kinds)

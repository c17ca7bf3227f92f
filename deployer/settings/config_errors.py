"""What is wrong with a configuration file, in words that name file, line, key and the nearest known key."""

from __future__ import annotations

from collections.abc import Iterable

from deployer.errors import ConfigError
from deployer.settings.yaml_source import Key, YamlSource
from toolchain_wrappers.intake import Fault, dotted

_LISTED = 20

HINT = "docs/configuration.md lists the keys"


def complaint(source: YamlSource, fault: Fault, key: Key) -> ConfigError:
    """A fault in the words of the file; `key` is the place there."""
    place = source.place(key)
    if fault.unknown:
        return ConfigError(f"{place}: unknown key {dotted(key)!r}", hint=nearest(str(key[-1]), fault.known))
    return ConfigError(f"{place}: {dotted(key)}: {fault.words}{fault.it_is}", hint=HINT)


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

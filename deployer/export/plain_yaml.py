"""YAML with Python object tags, read as plain data: no tag ever builds an object or calls anything."""

from __future__ import annotations

from collections import deque
from typing import Any

import yaml

from board_runner.errors import ModelError

SCALAR_TAG = "tag:yaml.org,2002:python/str"


class PlainLoader(yaml.SafeLoader):
    """The safe loader, with every tag it does not know taken for the plain value underneath."""


def _plain(loader: PlainLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    if node.tag == SCALAR_TAG:
        return node.value
    implied = loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
    return loader.construct_object(yaml.ScalarNode(implied, node.value), deep=True)


PlainLoader.add_constructor(None, _plain)


def load(text: str, place: str) -> dict[Any, Any]:
    """The mapping that `text` holds, in plain dicts, lists, strings and numbers.

    Raises ModelError, naming `place`, for damaged YAML or anything but a mapping.
    """
    try:
        data = yaml.load(text, Loader=PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise ModelError(f"{place}: damaged YAML: {e}") from e
    if not isinstance(data, dict):
        raise ModelError(
            f"{place}: holds no settings", hint="args.yml is what the trainer wrote beside chkpnt.pt"
        )
    return data


def lookup(data: dict[Any, Any], key: str, place: str) -> Any:
    """The value of `key`, at the top or in nested mappings, the shallowest first; None where there is none.

    Raises ModelError when one depth holds two different values.
    """
    level: deque[Any] = deque([data])
    seen: set[int] = set()  # aliases may make a graph, even a cycle, of what looks like a tree
    while level:
        found = [mapping[key] for mapping in level if key in mapping]
        if found:
            if any(value != found[0] for value in found):
                raise ModelError(f"{place}: {key} is given twice, as {found[0]!r} and otherwise")
            return found[0]
        below: deque[Any] = deque()
        for mapping in level:
            for value in mapping.values():
                if isinstance(value, dict) and id(value) not in seen:
                    seen.add(id(value))
                    below.append(value)
        level = below
    return None

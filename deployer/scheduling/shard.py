"""A shard as it travels, and what a worker does with it: its function is checked once, and kept with its engine."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.errors import ClusterFailed
from deployer.scheduling.connection import same, versions

KEPT = 2
"""Functions, with their engines, that a worker's thread keeps."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a worker must have as it is here: `look` at `place` gives `expected`."""

    name: str
    look: Callable[[Path], str]
    place: Path
    expected: str

    def check(self) -> None:
        """Raises ClusterFailed; runs on the worker."""
        try:
            found = self.look(self.place)
        except OSError as e:
            raise ClusterFailed(
                f"worker on {socket.gethostname()}: {self.name}, {self.place}, cannot be read ({e.strerror or e})",
                hint="workers read models, tools and clips under the same paths as here: share the folder",
            ) from e
        if found != self.expected:
            raise ClusterFailed(
                f"worker on {socket.gethostname()}: {self.name}, {self.place}, is another than here",
                hint="share the folder with the workers, or copy it again",
            )


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What is sent with every shard, pickled."""

    function: Callable[[Any], Any]
    needs: tuple[Need, ...]
    versions: Mapping[str, str]


class _Kept(threading.local):
    """A worker thread's own functions, by token: engines are not shared."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[Any], Any]] = {}


_kept = _Kept()


def run(token: str, packed: bytes, shard: Any) -> Any:
    """On a worker. One that joined late is looked at here."""
    function = _kept.functions.pop(token, None)
    if function is None:
        given: Packed = pickle.loads(packed)
        same(given.versions, versions(), f"worker on {socket.gethostname()}")
        for need in given.needs:
            need.check()
        function = given.function
    while len(_kept.functions) >= KEPT:
        del _kept.functions[next(iter(_kept.functions))]
    _kept.functions[token] = function
    return function(shard)

"""Which boards are meant: by name, address, group or tag, all of them, or those that failed last time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from board_runner.errors import UsageError
from deployer.board.config import BoardConfig
from deployer.settings.config import Deployment
from deployer.settings.config_errors import listed, nearest

_ADDED = "or add one to `boards:` in deploy.yaml"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was asked for. Names, groups and tags each add boards; `limit` (a pattern or a count) narrows them.

    `limit` alone means: of all boards.
    """

    boards: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    every: bool = False
    limit: str | None = None

    @property
    def many(self) -> bool:
        """Whether several boards were asked for: then the answer is a list, whatever it holds."""
        return len(self.boards) > 1 or bool(self.groups or self.tags or self.every or self.limit)


def select(deployment: Deployment, asked: Selection) -> list[BoardConfig]:
    """The boards asked for, each once: named ones first, then in the order of the inventory.

    Without any request the default or the only board. Raises UsageError with the known names when nothing
    matches, ConfigError for a malformed address.
    """
    if not asked.many:
        return [_named(deployment, asked.boards[0] if asked.boards else None)]
    chosen = [_named(deployment, name) for name in asked.boards]
    everything = asked.every or not (asked.boards or asked.groups or asked.tags)
    if everything and not deployment.boards:
        raise UsageError("no board known", hint=f"give --board user@host:port, {_ADDED}")
    for group in asked.groups:
        chosen += _members(deployment, "group", group)
    for tag in asked.tags:
        chosen += _members(deployment, "tag", tag)
    if everything:
        chosen += deployment.boards.values()
    return limited(list({board.name: board for board in chosen}.values()), asked.limit)


def limited(boards: Sequence[BoardConfig], limit: str | None) -> list[BoardConfig]:
    """The first so many, or those whose name fits a shell pattern. Raises UsageError when none is left."""
    if limit is None:
        return list(boards)
    kept = (
        list(boards[: int(limit)]) if limit.isdecimal() else [b for b in boards if fnmatchcase(b.name, limit)]
    )
    if not kept:
        raise UsageError(
            f"no board left with --limit {limit!r}", hint=f"chosen were: {listed(b.name for b in boards)}"
        )
    return kept


def tags_of(deployment: Deployment) -> list[str]:
    """Every tag of a board, once."""
    return list(dict.fromkeys(tag for board in deployment.boards.values() for tag in board.tags))


def _members(deployment: Deployment, what: str, wanted: str) -> list[BoardConfig]:
    found = [b for b in deployment.boards.values() if wanted in (b.groups if what == "group" else b.tags)]
    if found:
        return found
    known = list(deployment.groups) if what == "group" else tags_of(deployment)
    if wanted in known:
        raise UsageError(
            f"no board is in group {wanted!r}", hint=f"put it under the board: groups: [{wanted}]"
        )
    raise UsageError(f"no {what} {wanted!r}", hint=nearest(wanted, known))


def _named(deployment: Deployment, wanted: str | None) -> BoardConfig:
    """A bare word that is nearly a board's name is a misspelling, though it could be a host's name."""
    if wanted is not None and wanted not in deployment.boards and not set(wanted) & set("@.:"):
        near = nearest(wanted, deployment.boards)
        if not near.startswith("known"):
            raise UsageError(
                f"no board {wanted!r}", hint=f"{near} (for a host of that name write root@{wanted})"
            )
    return deployment.board(wanted)

"""The list of runs: a query of the page -> one page of the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args
from urllib.parse import urlencode

from board_runner.errors import UsageError
from deployer.history import Entry, Filter, History, entry
from deployer.history.entry import Choices, Order

PAGE = 50
"""Runs on a page."""

FILTERS = ("board", "chip", "model", "kind", "tag", "since", "until")

COLUMNS: tuple[tuple[Order, str], ...] = (
    ("created", "when"),
    ("model", "model"),
    ("board", "board"),
    ("chip", "chip"),
    ("runs", "runs"),
    ("failed", "failed"),
    ("median", "median ms"),
    ("value", "metric"),
)
"""By what the list sorts, and what its heading says."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a page was asked for; `words` are the filters as they were typed."""

    chosen: Filter
    words: Mapping[str, str]
    order: Order = "created"
    descending: bool = True
    page: int = 1

    def link(self, **changes: object) -> str:
        """A query for the same list, changed so."""
        query = {**self.words, "sort": self.order, "way": _way(self.descending), "page": self.page}
        query |= changes
        plain = {"sort": "created", "way": "down", "page": 1}
        return urlencode({name: value for name, value in query.items() if value != plain.get(name)})

    def sort_link(self, order: Order) -> str:
        """What a click on a heading asks for: numbers and times from the top first; once more, the other way."""
        if order == self.order:
            return self.link(way=_way(not self.descending), page=1)
        return self.link(sort=order, way=_way(order not in ("model", "board", "chip")), page=1)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One page of the list. `total` counts the runs that fit."""

    asked: Asked
    runs: tuple[Entry, ...]
    total: int
    choices: Choices

    @property
    def pages(self) -> int:
        """At least one."""
        return max(1, -(-self.total // PAGE))

    @property
    def first(self) -> int:
        """The place of the first run on the page, from 1."""
        return (self.asked.page - 1) * PAGE + 1


def asked(query: Mapping[str, str]) -> Asked:
    """Raises UsageError for a value that means nothing."""
    words = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
    wanted = query.get("sort", "created")
    order: Order | None = next((each for each in get_args(Order) if each == wanted), None)
    if order is None:
        raise UsageError(f"no order {wanted!r}", hint=f"one of {', '.join(get_args(Order))}")
    return Asked(
        chosen=filter_of(words),
        words=words,
        order=order,
        descending=query.get("way", "down") != "up",
        page=_page(query.get("page", "1")),
    )


def filter_of(words: Mapping[str, str]) -> Filter:
    """The runs that words such as `board=desk` and `since=7d` mean. Raises UsageError."""
    since, until = words.get("since"), words.get("until")
    return Filter(
        board=words.get("board"),
        chip=words.get("chip"),
        model=words.get("model"),
        kinds=(words["kind"],) if "kind" in words else (),
        tag=words.get("tag"),
        since_s=entry.moment_s(since) if since else None,
        until_s=entry.moment_s(until, end=True) if until else None,
    )


def listed(history: History, wanted: Asked) -> Listed:
    """A page of the list. One beyond the last is empty."""
    return Listed(
        asked=wanted,
        runs=tuple(
            history.find(
                wanted.chosen,
                limit=PAGE,
                offset=(wanted.page - 1) * PAGE,
                order=wanted.order,
                descending=wanted.descending,
            )
        ),
        total=history.count(wanted.chosen),
        choices=history.choices(),
    )


def as_data(found: Listed) -> dict[str, Any]:
    """For programs."""
    return {
        "page": found.asked.page,
        "pages": found.pages,
        "total": found.total,
        "runs": [asdict(run) for run in found.runs],
    }


def _way(descending: bool) -> str:
    return "down" if descending else "up"


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise UsageError(f"{text!r} is no page", hint="pages count from 1")
    return int(text)

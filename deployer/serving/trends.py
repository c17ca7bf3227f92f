"""One model over time: each board's medians with their intervals, its metric, and what changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from deployer.history import Entry, Filter, History
from deployer.serving import listing

KINDS = ("bench", "eval")
"""A single run says little, and a pasted log is of no certain time."""

MOST_RUNS = 500
"""Of a board; older ones are seen by `until`."""

MOST_BOARDS = 6
"""Lines in one plot; a board more can be chosen by itself."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A board's runs, the oldest first; `left_out` counts those before them. Without a board: this host's."""

    board: str | None
    runs: tuple[Entry, ...]
    left_out: int = 0

    @property
    def name(self) -> str:
        """For a legend."""
        return self.board or "this host"


@dataclass(frozen=True, kw_only=True)
class Change:
    """From this run on something was another: `deploy` (its version) or `model` (its file), or it has `tags`."""

    run: Entry
    board: str
    what: str
    is_tag: bool = False


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A model's lines; `boards_left_out` ran it less often."""

    words: Mapping[str, str]
    model: str
    models: tuple[str, ...]
    boards: tuple[str, ...]
    lines: tuple[Line, ...]
    boards_left_out: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The newest first."""
        found = [change for line in self.lines for change in _changes(line)]
        return tuple(sorted(found, key=lambda change: change.run.created, reverse=True))

    @property
    def runs(self) -> tuple[Entry, ...]:
        """All that is drawn, the newest first."""
        found = [run for line in self.lines for run in line.runs]
        return tuple(sorted(found, key=lambda run: (run.created, run.id), reverse=True))


def trend(history: History, query: Mapping[str, str]) -> Trend:
    """The model asked for, or that of the newest run. Raises UsageError for a date that is none."""
    words = {name: query[name].strip() for name in listing.FILTERS if query.get(name, "").strip()}
    fits = replace(listing.filter_of(words), kinds=KINDS)
    choices = history.choices()
    model = fits.model or next((run.model for run in history.find(replace(fits), limit=1)), "")
    fits = replace(fits, model=model)
    series = history.series(fits)
    lines = tuple(_line(history, fits, each.board, each.runs) for each in series[:MOST_BOARDS])
    return Trend(
        words=words,
        model=model,
        models=choices.models,
        boards=choices.boards,
        lines=tuple(sorted(lines, key=lambda line: line.name)),
        boards_left_out=tuple(each.board or "this host" for each in series[MOST_BOARDS:]),
    )


def as_data(found: Trend) -> dict[str, Any]:
    """For programs."""
    return {
        "model": found.model,
        "series": [
            {"board": line.board, "left_out": line.left_out, "runs": [asdict(run) for run in line.runs]}
            for line in found.lines
        ],
        "changes": [
            {"run": change.run.id, "board": change.board, "what": change.what} for change in found.changes
        ],
        "boards_left_out": found.boards_left_out,
    }


def _line(history: History, fits: Filter, board: str | None, runs: int) -> Line:
    if board is not None:
        newest = history.find(replace(fits, board=board), limit=MOST_RUNS)
    else:  # a filter cannot ask for what has no board
        newest = [run for run in history.find(replace(fits, kinds=("eval",))) if run.board is None]
        newest = newest[:MOST_RUNS]
    return Line(board=board, runs=tuple(reversed(newest)), left_out=runs - len(newest))


def _changes(line: Line) -> Iterator[Change]:
    for before, run in pairwise(line.runs):
        old, new = before.headline, run.headline
        if new.tool_version and old.tool_version and new.tool_version != old.tool_version:
            yield Change(run=run, board=line.name, what=f"deploy {old.tool_version} → {new.tool_version}")
        same_kind = before.kind == run.kind  # an evaluation may be of another stage's file
        if same_kind and new.model_sha256 and old.model_sha256 and new.model_sha256 != old.model_sha256:
            yield Change(run=run, board=line.name, what=f"another model file, {new.model_sha256[:8]}")
    for run in line.runs:
        for tag in run.tags:
            yield Change(run=run, board=line.name, what=tag, is_tag=True)

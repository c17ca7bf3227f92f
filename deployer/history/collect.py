"""Which runs may go: old ones and surplus ones, never one with a tag."""

from __future__ import annotations

from dataclasses import dataclass

from board_runner.errors import UsageError
from deployer.history import database
from deployer.history.entry import Entry, Filter
from deployer.history.store import History


@dataclass(frozen=True, kw_only=True)
class Collected:
    """The runs that went, or would go; `tagged` runs would have gone but for their tags."""

    removed: tuple[Entry, ...]
    tagged: int
    kept: int
    dry_run: bool

    @property
    def bytes(self) -> int:
        """Of the records that went."""
        return sum(entry.bytes for entry in self.removed)


def collect(
    history: History,
    chosen: Filter,
    *,
    keep: int | None = None,
    before_s: float | None = None,
    dry_run: bool = False,
) -> Collected:
    """Remove, of the runs that fit `chosen`, those made before `before_s` that are not among the `keep` newest.

    Either alone decides where only it is given; without both nothing says what may go, and UsageError is raised.
    """
    if keep is None and before_s is None:
        raise UsageError("gc needs to be told what may go", hint="--keep N, --older-than 90d, or both")
    fitting = history.find(chosen)
    surplus = fitting[keep or 0 :]
    if before_s is not None:
        old = {entry.id for entry in history.find(Filter(until_s=before_s))}
        surplus = [entry for entry in surplus if entry.id in old]
    loose = [entry for entry in surplus if not entry.tags]
    if not dry_run and loose:
        gone = set(history.remove([entry.id for entry in loose]))
        loose = [entry for entry in loose if entry.id in gone]
        database.compact(history.path)
    return Collected(
        removed=tuple(loose),
        tagged=len(surplus) - len(loose),
        kept=len(fitting) - len(loose),
        dry_run=dry_run,
    )

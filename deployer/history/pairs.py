"""Which two runs a comparison is of."""

from __future__ import annotations

from board_runner.errors import UsageError
from deployer import records
from deployer.errors import MissingArtifact
from deployer.evaluation.record import KIND
from deployer.history.entry import LATEST, Entry, Filter
from deployer.history.store import History


def of(history: History, a: str, b: str | None = None) -> tuple[Entry, Entry]:
    """Run A, and run B or the newest of A's sort. Where A is the newest itself, it is B, and A the one before it.

    Raises as `History.entry` does, MissingArtifact where there is none before it, UsageError for a run and itself.
    """
    first = history.entry(a)
    if b is not None:
        second = history.entry(b)
        if first.id == second.id:
            raise UsageError(
                f"both are run {first.id}: nothing can differ", hint="`deploy history` lists the others"
            )
        return first, second
    second = history.entry(LATEST, kinds=(KIND,) if first.kind == KIND else records.KINDS)
    return (_before(history, second), second) if first.id == second.id else (first, second)


def _before(history: History, run: Entry) -> Entry:
    """The newest of the same kind, model and board before it."""
    same = history.find(Filter(kinds=(run.kind,), model=run.model))
    alike = [entry for entry in same if entry.board == run.board]
    at = next((place for place, entry in enumerate(alike) if entry.id == run.id), len(alike))
    if at + 1 >= len(alike):
        where = f" on {run.board}" if run.board is not None else ""
        raise MissingArtifact(
            f"no {run.kind} of {run.model}{where} before {run.id}, the newest",
            hint="name another run to hold it against: `deploy history` lists them",
        )
    return alike[at + 1]

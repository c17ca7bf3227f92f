"""The metric of speech recognition: edits between what was said and what was heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from board_runner.errors import UsageError


def edits(said: Sequence[object], heard: Sequence[object]) -> int:
    """The least number of insertions, deletions and replacements that make one of the other (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(said, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def error_rate(pairs: Iterable[tuple[Sequence[object], Sequence[object]]]) -> float:
    """Edits over all pairs (said, heard), by tokens said: 0 is perfect, above 1 is possible.

    Raises UsageError where nothing was said at all.
    """
    listed = list(pairs)
    total = sum(len(said) for said, _ in listed)
    if not total:
        raise UsageError("an error rate needs a reference of at least one token")
    return sum(edits(said, heard) for said, heard in listed) / total

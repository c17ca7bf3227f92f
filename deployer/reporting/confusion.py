"""Which class was taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from deployer.labels import shown
from deployer.reporting.clips import ClipRow


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One class: clips that are of it, answers that name it, and how many of both. A ratio by zero is None."""

    name: str
    support: int
    answers: int
    hits: int

    @property
    def recall(self) -> float | None:
        """Share of its clips that were named so."""
        return self.hits / self.support if self.support else None

    @property
    def precision(self) -> float | None:
        """Share of the answers naming it that were right."""
        return self.hits / self.answers if self.answers else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall: 2 hits / (support + answers)."""
        both = self.support + self.answers
        return 2 * self.hits / both if both else None


@dataclass(frozen=True)
class Confusion:
    """How often (target, answer) came up; `names` holds the classes seen, by id."""

    names: dict[int, str]
    counts: dict[tuple[int, int], int]

    @property
    def clips(self) -> int:
        """All that were judged."""
        return sum(self.counts.values())

    @cached_property
    def ids(self) -> list[int]:
        """The classes seen, ascending."""
        return sorted(self.names)

    def row(self, target: int) -> list[int]:
        """How often each class of `ids` was answered for this one."""
        return [self.counts.get((target, answer), 0) for answer in self.ids]

    @cached_property
    def classes(self) -> list[ClassRow]:
        """A row a class, by id."""
        support, answers = Counter[int](), Counter[int]()
        for (target, answer), count in self.counts.items():
            support[target] += count
            answers[answer] += count
        return [
            ClassRow(
                name=self.names[i], support=support[i], answers=answers[i], hits=self.counts.get((i, i), 0)
            )
            for i in self.ids
        ]

    def mistakes(self) -> list[tuple[str, str, int]]:
        """(target, answer, how often) of what was wrong, most frequent first."""
        wrong = [(t, a, count) for (t, a), count in self.counts.items() if t != a]
        wrong.sort(key=lambda each: (-each[2], each[0], each[1]))
        return [(self.names[t], self.names[a], count) for t, a, count in wrong]


def confusion(rows: Iterable[ClipRow], labels: Sequence[str]) -> Confusion | None:
    """Each clip counts once, by its most frequent answer; None where no target is known."""
    pairs = Counter(
        (row.target, row.class_ids[0]) for row in rows if row.target is not None and row.class_ids
    )
    return from_counts(pairs, labels) if pairs else None


def from_counts(counts: dict[tuple[int, int], int], labels: Sequence[str]) -> Confusion:
    """From (target, answer) -> how often."""
    seen = {class_id for pair in counts for class_id in pair}
    return Confusion(names={i: shown(i, labels) for i in seen}, counts=dict(counts))

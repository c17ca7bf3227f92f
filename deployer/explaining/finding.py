"""What a check found: a proven cause, nothing wrong, or nothing that can be told, always with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["proven", "fine", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check's answer. `what` is a sentence, `evidence` the facts behind it, `cure` what to do."""

    check: str
    verdict: Verdict
    what: str
    evidence: tuple[str, ...] = ()
    cure: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The name of a check, and the three answers it can give."""

    name: str

    def proven(self, what: str, *, cure: str, evidence: Iterable[str] = ()) -> Finding:
        """A cause that the evidence leaves no doubt about."""
        return Finding(check=self.name, verdict="proven", what=what, evidence=tuple(evidence), cure=cure)

    def fine(self, what: str, *, evidence: Iterable[str] = ()) -> Finding:
        """Looked at, and nothing wrong."""
        return Finding(check=self.name, verdict="fine", what=what, evidence=tuple(evidence))

    def cannot_tell(self, what: str, *, cure: str = "", evidence: Iterable[str] = ()) -> Finding:
        """What is there to look at proves neither; `cure` says what would."""
        return Finding(check=self.name, verdict="cannot tell", what=what, evidence=tuple(evidence), cure=cure)


def some(names: Iterable[str], *, most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    listed = list(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest

"""What the tools' console says: where a run is, and why it failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from toolchain_wrappers.sigmastar.profile import ConsoleProfile, Failure

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Where a run is; `percent` is None until a bar of this stage was seen."""

    stage: str
    percent: float | None = None


class Console:
    """Reads lines as they come. Colours mean nothing: the vendor's good news is red as well."""

    def __init__(self, profile: ConsoleProfile) -> None:
        self._bar = re.compile(profile.progress)
        self._stages = profile.stages
        self.reading = Reading(stage="starting")

    def feed(self, line: str) -> Reading | None:
        """Where the run is after this line, if it is anywhere new: only that counts as progress.

        A tool that hangs may redraw the same bar, or dots, for ever.
        """
        text = plain(line)
        before = self.reading
        for known in self._stages:
            if known.phrase in text and known.stage != before.stage:
                self.reading = Reading(stage=known.stage)
        bar = self._bar.search(text)
        if bar is not None:
            self.reading = Reading(stage=self.reading.stage, percent=float(bar["percent"]))
        return self.reading if self.reading != before else None

    def is_bar(self, line: str) -> bool:
        """Whether a line is a state of the bar and not worth keeping."""
        return self._bar.search(plain(line)) is not None


def plain(line: str) -> str:
    """A line without colours; of one that was redrawn in place, its last state."""
    return _ANSI.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()


def explain(lines: Iterable[str], failures: Iterable[Failure]) -> Failure | None:
    """The last known failure that the lines show."""
    known = [(re.compile(failure.pattern), failure) for failure in failures]
    found = None
    for line in lines:
        text = plain(line)
        found = next((failure for pattern, failure in known if pattern.search(text)), found)
    return found

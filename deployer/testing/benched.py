"""A bench with the assertions that a test wants of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from deployer.labels import shown
from deployer.records import RunRecord
from deployer.reporting.tiles import accuracy_text
from deployer.statistics import ClipSummary, Spread, Summary, summarise

_SHOWN = 5


@dataclass(frozen=True)
class BenchResult:
    """`record` holds every sample; `summary` the figures. A failed assertion says which clips it failed for."""

    record: RunRecord

    @cached_property
    def summary(self) -> Summary:
        """Figures of the whole bench and of each clip."""
        found = summarise(self.record)
        assert found is not None, f"bench {self.record.id} has no sample"
        return found

    def assert_latency(
        self,
        *,
        median_ms_at_most: float | None = None,
        max_ms_at_most: float | None = None,
        clip: str | None = None,
    ) -> None:
        """The model's invoke time in milliseconds, over all samples or over those of one clip.

        Raises AssertionError; ValueError without a limit, or for a clip that was not run.
        """
        __tracebackhide__ = True
        spread, of = self._spread(clip)
        limits = (
            ("median", spread.median_ms, median_ms_at_most),
            ("longest", spread.max_ms, max_ms_at_most),
        )
        if all(limit is None for _, _, limit in limits):
            raise ValueError("assert_latency needs median_ms_at_most or max_ms_at_most")
        over = [(name, ms, limit) for name, ms, limit in limits if limit is not None and not ms <= limit]
        if over:
            faults = [
                f"the {name} invoke time is {ms:.3f} ms, at most {limit:g} asked" for name, ms, limit in over
            ]
            slowest = sorted(self.summary.clips, key=lambda c: -c.invoke.median_ms)[:_SHOWN]
            self._fail(
                f"{of}: {'; '.join(faults)}",
                f"from {spread.min_ms:.3f} to {spread.max_ms:.3f} ms",
                *([] if clip else [f"  {c.clip}: median {c.invoke.median_ms:.3f} ms" for c in slowest]),
            )

    def assert_accuracy(self, *, at_least: float) -> None:
        """The share of clips, of those whose names state a class, that got this class in every run.

        Raises AssertionError, also where no clip's name states a class.
        """
        __tracebackhide__ = True
        accuracy = self.summary.accuracy
        if accuracy is None or not accuracy >= at_least:
            wrong = [c for c in self.summary.clips if c.target is not None and c.class_ids != (c.target,)]
            more = [f"  and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
            self._fail(
                f"accuracy: {accuracy_text(self.summary)}, at least {at_least:.0%} asked",
                *(self._mistake(c) for c in wrong[:_SHOWN]),
                *more,
            )

    def _spread(self, clip: str | None) -> tuple[Spread, str]:
        if clip is None:
            return self.summary.invoke, f"{len(self.record.counted)} runs of {len(self.summary.clips)} clips"
        for found in self.summary.clips:
            if found.clip == clip:
                return found.invoke, f"{found.runs} runs of {clip}"
        raise ValueError(f"no clip {clip!r} in this bench: {', '.join(c.clip for c in self.summary.clips)}")

    def _mistake(self, clip: ClipSummary) -> str:
        said = " / ".join(shown(class_id, self.record.labels) for class_id in clip.class_ids)
        return f"  {clip.clip}: {said}, should be {shown(clip.target, self.record.labels)}"

    def _fail(self, *lines: str) -> None:
        __tracebackhide__ = True
        board = self.record.board
        where = f"{self.record.model} on {board.name}" + (f" ({board.chip})" if board.chip else "")
        raise AssertionError(
            "\n".join([f"{where}: {lines[0]}", *lines[1:], f"deploy report {self.record.id}"])
        )

"""What `deploy fold` did, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deployer.folding.proof import Difference, Timing
from deployer.folding.records import Fold, Left


@dataclass(frozen=True, kw_only=True)
class FoldReport:
    """One folding. `written` is None where nothing could be folded or a check failed.

    `not_run` names the engines that could not take part in the proof, each with the reason.
    """

    source: Path
    written: Path | None
    folds: tuple[Fold, ...]
    left: tuple[Left, ...]
    differences: tuple[Difference, ...] = ()
    timings: tuple[Timing, ...] = ()
    not_run: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Difference, ...]:
        """The differences that are too large."""
        return tuple(row for row in self.differences if not row.passed)

    def as_data(self) -> dict[str, Any]:
        """The report in what JSON knows."""
        data = asdict(self)
        data["source"] = str(self.source)
        data["written"] = None if self.written is None else str(self.written)
        data["passed"] = not self.failed
        for row, fold in zip(data["folds"], self.folds, strict=True):
            row["layout"] = fold.layout.name.lower()
        for row, difference in zip(data["differences"], self.differences, strict=True):
            row["passed"] = difference.passed
        for row, timing in zip(data["timings"], self.timings, strict=True):
            row["told"] = timing.told
        return data

    def as_text(self) -> str:
        """The report, a fact a line."""
        lines = [f"{self.source}: {len(self.folds)} folded, {len(self.left)} left"]
        lines += [f"  folded  {fold.told}" for fold in self.folds]
        lines += [f"  left    {left.norm}: {left.reason}" for left in self.left]
        lines += [
            f"  {'equal' if row.passed else 'DIFFERS'}   {row.engine}: max abs {row.max_abs:.3g} "
            f"({row.signal}), limit {row.limit:.3g}"
            for row in self.differences
        ]
        lines += [f"  not run {name}: {reason}" for name, reason in self.not_run.items()]
        lines += [
            f"  time    {row.engine}: {row.before_ms:.3f} ms to {row.after_ms:.3f} ms over {row.pairs} pairs, "
            f"{row.told}"
            for row in self.timings
        ]
        lines.append(f"wrote {self.written}" if self.written else "wrote nothing")
        return "\n".join(lines)

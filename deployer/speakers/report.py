"""What embedding a manifest's clips found: the figures of each engine, and how alike their embeddings are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deployer.errors import CheckFailed
from deployer.metrics import speakers
from deployer.metrics.speakers import Figures


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How alike two engines' embeddings of the same clips are: cosines, and the worst clip."""

    first: str
    second: str
    least_cosine: float
    mean_cosine: float
    worst_clip: str


@dataclass(frozen=True, kw_only=True)
class SpeakerReport:
    """Engine -> its figures; and how far the deployed model is from the checkpoint, where both were run.

    `too_many` maps protocols that were left out to the trials they would have.
    """

    clips: int
    speakers: int
    left_out: int
    seed: int
    figures: Mapping[str, list[Figures]]
    agreement: Agreement | None
    absent_trials: int = 0
    too_many: Mapping[str, int] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            **{key: getattr(self, key) for key in ("clips", "speakers", "left_out", "seed", "absent_trials")},
            "too_many": dict(self.too_many),
            "figures": {name: speakers.as_data(rows) for name, rows in self.figures.items()},
            "agreement": asdict(self.agreement) if self.agreement else None,
        }

    def as_text(self) -> str:
        """Markdown: the figures of each engine, and the agreement."""
        lines = [
            f"{self.clips} clips of {self.speakers} speakers, {self.left_out} left out; windows by seed {self.seed}"
        ]
        if self.absent_trials:
            lines.append(f"{self.absent_trials} listed trials are of clips that the manifest has not")
        lines += [f"{name}: left out, {count} trials are too many" for name, count in self.too_many.items()]
        for name, rows in self.figures.items():
            lines += ["", f"### {name}", "", speakers.as_table(rows)]
        if self.agreement is not None:
            a = self.agreement
            lines += [
                "",
                f"{a.second} against {a.first}: cosine {a.least_cosine:.7f} at worst ({a.worst_clip}), "
                f"{a.mean_cosine:.7f} on average",
            ]
        return "\n".join(lines)


def require(report: SpeakerReport, least_cosine: float) -> None:
    """Raise CheckFailed where the deployed model's embedding of a clip is too far from the checkpoint's."""
    found = report.agreement
    if found is not None and not found.least_cosine >= least_cosine:
        raise CheckFailed(
            f"{found.worst_clip}: cosine {found.least_cosine:.6f} between {found.first} and {found.second}, "
            f"limit {least_cosine:g}"
        )

"""What was timed: a row a network, the engines side by side, and how many clips a second the whole way gives."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Row:
    """One size of one model. Times are of a whole clip, which takes `chunks` runs.

    `load_and_features_ms` is from the wav in the file cache to the inputs; `apart` the largest difference from
    PyTorch's outputs, by the largest of these.
    """

    model: str
    size: str
    parameters: int
    multiplications: int | None
    chunks: int
    load_and_features_ms: tuple[float, ...]
    invoke_ms: Mapping[str, tuple[float, ...]]
    apart: Mapping[str, float]

    def median_ms(self, engine: str) -> float:
        """Of the runs by one engine."""
        return float(np.median(self.invoke_ms[engine]))

    def clips_per_s(self, engine: str, *, from_file: bool) -> float:
        """By medians: with inputs that are there, or from the wav on."""
        before = float(np.median(self.load_and_features_ms)) if from_file else 0.0
        return 1000.0 / (self.median_ms(engine) + before)


@dataclass(frozen=True, kw_only=True)
class TimingReport:
    """All rows, and the conditions under which they were taken."""

    rows: tuple[Row, ...]
    runs: int
    load_average: float
    machine: str

    @classmethod
    def of(cls, rows: Sequence[Row], runs: int) -> TimingReport:
        """With this machine and its load as it is now."""
        return cls(rows=tuple(rows), runs=runs, load_average=os.getloadavg()[0], machine=platform.machine())

    def as_data(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)

    def as_text(self) -> str:
        """Markdown: medians in milliseconds a clip, ratios, clips a second with inputs at hand and from the wav."""
        lines = [
            f"Milliseconds a clip, medians of {self.runs} in turns, one thread, {self.machine}, "
            f"load average {self.load_average:.1f}; clips/s by the float engine",
            "",
            "| model | size | MACs | features | torch | ONNX Runtime | float | float / ORT | float / torch "
            "| clips/s | from the wav | apart |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        return "\n".join([*lines, *(_line(row) for row in self.rows)])


def _line(row: Row) -> str:
    torch, ort, ours = (row.median_ms(name) for name in ("torch", "onnxruntime", "float"))
    macs = "-" if row.multiplications is None else f"{row.multiplications / 1e6:.1f} M"
    return (
        f"| {row.model} | {row.size} | {macs} | {np.median(row.load_and_features_ms):.2f} | {torch:.2f} "
        f"| {ort:.2f} | {ours:.2f} | {ours / ort:.2f} | {ours / torch:.2f} "
        f"| {row.clips_per_s('float', from_file=False):.1f} | {row.clips_per_s('float', from_file=True):.1f} "
        f"| {max(row.apart.values()):.0e} |"
    )

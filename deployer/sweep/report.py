"""What a sweep found: a row a batch size, with its input shape, what was lost, and where larger is slower."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deployer.statistics import Spread
from toolchain_wrappers import ascend_console
from toolchain_wrappers.ascend_console import Throughput


@dataclass(frozen=True, kw_only=True)
class Row:
    """One batch size. `invoke` and `cpu_min_ms` are of whole batches; the last, partial one is not among them.

    `lost` samples of `samples` were left out; `partial` is the size of the last batch where it was kept, else 0.
    `max_abs` is the largest difference from the answers one by one. None where that was not measured.
    """

    batch: int
    input_shape: tuple[int, ...]
    samples: int | None
    partial: int
    lost: int | None
    invoke_ms: float
    invoke: Spread | None = None
    cpu_min_ms: float | None = None
    max_abs: float | None = None

    @property
    def samples_per_s(self) -> float:
        """Of whole batches, by the median."""
        return self.batch * 1000 / self.invoke_ms

    @property
    def samples_per_cpu_s(self) -> float | None:
        """By the least CPU time: what one thread gets done, whoever else is at work."""
        return self.batch * 1000 / self.cpu_min_ms if self.cpu_min_ms else None


@dataclass(frozen=True, kw_only=True)
class SweepReport:
    """A row a batch size, and the conditions under which they were taken."""

    model: str
    engine: str
    rounds: int
    threads: int | None
    load_average: float | None
    rows: tuple[Row, ...]

    @property
    def falls(self) -> list[tuple[int, int]]:
        """Neighbouring batch sizes of which the larger gets less done in the same time, by more than 5 %."""
        rows = [
            Throughput(batch=row.batch, input_shape=row.input_shape, invoke_ms=self._cost_ms(row))
            for row in self.rows
        ]
        return [(small.batch, large.batch) for small, large in ascend_console.falls(rows)]

    def _cost_ms(self, row: Row) -> float:
        """What least depends on who else is at work: CPU time on one thread, else the least wall time, if known."""
        if self.threads == 1 and row.cpu_min_ms:
            return row.cpu_min_ms
        return row.invoke_ms if row.invoke is None else row.invoke.min_ms

    def as_data(self) -> dict[str, Any]:
        """For `--json`."""
        data = asdict(self)
        for row, made in zip(self.rows, data["rows"], strict=True):
            made |= {"samples_per_s": row.samples_per_s, "samples_per_cpu_s": row.samples_per_cpu_s}
        return {**data, "slower_though_larger": [list(pair) for pair in self.falls]}

    def as_text(self) -> str:
        """Markdown: the conditions, a row a batch size with its input shape, and what was lost or fell."""
        fell = {large for _, large in self.falls}
        threads = f", threads {self.threads}" if self.threads else ""
        load = f", load average {self.load_average:.1f}" if self.load_average is not None else ""
        lines = [
            f"{self.model} by {self.engine}{threads}, rounds {self.rounds}{load}",
            "",
            "| batch | input | ms a batch | samples/s | least CPU ms | samples/CPU s | last batch | apart | |",
            "| ---: | --- | ---: | ---: | ---: | ---: | --- | ---: | --- |",
        ]
        for row in sorted(self.rows, key=lambda row: row.batch):
            mark = "slower than the batch before" if row.batch in fell else ""
            lines.append(
                f"| {row.batch} | {'x'.join(map(str, row.input_shape))} | {row.invoke_ms:.3f} "
                f"| {row.samples_per_s:.1f} | {_number(row.cpu_min_ms, '.3f')} "
                f"| {_number(row.samples_per_cpu_s, '.1f')} | {_told(row)} "
                f"| {_number(row.max_abs, '.1e')} | {mark} |"
            )
        return "\n".join(lines)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _told(row: Row) -> str:
    if row.lost is None:
        return "not known"
    if row.lost:
        return f"{row.lost} of {row.samples} samples lost"
    return f"{row.partial} samples, kept" if row.partial else "whole"

"""What Ascend's tools print: words of success and failure, and the figures of a run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from toolchain_wrappers.errors import ToolchainError

Kind = Literal["atc", "compile", "run"]

_NUMBER = r"(?P<value>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|nan|inf)"
_CELL = re.compile(r"^\|\s*bs(?P<batch>\d+)\s*\|\s*(?P<rate>\d+(?:\.\d+)?)\s*\|", re.MULTILINE)
AGREEMENT = 0.01


@dataclass(frozen=True, kw_only=True)
class Console:
    """Patterns of a console; each is a field, for another release may word it otherwise.

    A step without a pattern in `success` is judged by exit status, failure words and files alone.
    `latency_of` says what the printed milliseconds are of: the public script divides them by the batch size.
    """

    atc_success: str | None = r"^ATC run success"
    compile_success: str | None = r"compiled done"
    run_success: str | None = r"throughput\(fps\)"
    failures: tuple[str, ...] = (
        r"^ATC run failed",
        r"^E[0-9A-Z]\d{4}:",
        r"^\[ERROR\]",
        r"^Traceback \(most recent call last\)",
        r"error while loading shared libraries",
    )
    detail: str = r"^(?:E[0-9A-Z]\d{4}:|\[ERROR\]|\w*(?:Error|Exception)\b|.*error while loading)"
    progress: str = r"^\s*(?P<percent>\d+)%\|"
    latency_ms: str = r"性能\(毫秒\)：\s*" + _NUMBER
    rate: str = r"throughput\(fps\):\s*" + _NUMBER
    latency_of: Literal["sample", "batch"] = "sample"

    def __post_init__(self) -> None:
        """Raises ToolchainError for a pattern that is none, or that lacks the group it is read by."""
        success = {f"{kind}_success": self.success(kind) or "" for kind in get_args(Kind)}
        failures = {f"failures[{index}]": pattern for index, pattern in enumerate(self.failures)}
        for name, pattern in {**success, **failures, "detail": self.detail}.items():
            _require(name, pattern, group=None)
        _require("progress", self.progress, group="percent")
        for name, pattern in {"latency_ms": self.latency_ms, "rate": self.rate}.items():
            _require(name, pattern, group="value")

    def success(self, kind: Kind) -> str | None:
        """The pattern that a step of this kind must print; None where none is asked for."""
        return {"atc": self.atc_success, "compile": self.compile_success, "run": self.run_success}[kind]

    def failure(self, text: str) -> str | None:
        """The line that says best what failed, or None: a code or an exception before a general word."""
        lines = [line.strip() for line in text.splitlines()]
        if not any(re.search(pattern, line) for line in lines for pattern in self.failures):
            return None
        telling = [line for line in lines if re.search(self.detail, line)]
        return (telling or [line for line in lines if any(re.search(p, line) for p in self.failures)])[0]

    def percent(self, line: str) -> float | None:
        """How far a redrawn bar is; None for other lines."""
        found = re.search(self.progress, line)
        return float(found["percent"]) if found else None


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """One row of a batch sweep. `invoke_ms` is the time of one whole batch, `input_shape` includes the batch."""

    batch: int
    input_shape: tuple[int, ...]
    invoke_ms: float

    @property
    def samples_per_s(self) -> float:
        """Computed, never taken over: batch / invoke time."""
        return self.batch * 1000 / self.invoke_ms


def parse(
    text: str, *, batch: int, sample_shape: Sequence[int], console: Console | None = None
) -> Throughput:
    """The row that one run prints; the shape is the caller's, for no tool prints it.

    Raises ToolchainError for figures that are missing, doubled, not positive, or that contradict each other.
    """
    console = console or Console()
    latency_ms = _figure(text, console.latency_ms, "latency")
    rate = _figure(text, console.rate, "throughput")
    if latency_ms is None and rate is None:
        raise ToolchainError(
            f"the run of batch {batch} printed neither a latency nor a throughput",
            hint="if your release words them otherwise, set Console.latency_ms and Console.rate",
        )
    if latency_ms is None:
        assert rate is not None
        invoke_ms = batch * 1000 / rate
    else:
        invoke_ms = latency_ms * (batch if console.latency_of == "sample" else 1)
    row = Throughput(batch=batch, input_shape=(batch, *sample_shape), invoke_ms=invoke_ms)
    if rate is not None and abs(row.samples_per_s - rate) > AGREEMENT * rate:
        raise ToolchainError(
            f"the run of batch {batch} printed {rate:g} samples/s, but its latency gives "
            f"{row.samples_per_s:g} samples/s",
            hint="Console.latency_of says whether the milliseconds are of one sample or of one batch",
        )
    return row


def parse_table(text: str, *, sample_shape: Sequence[int]) -> list[Throughput]:
    """A published table `| bs4 | 2674.6597 | ...`, samples/s by batch; gives its rows in their order.

    Raises ToolchainError where it holds no row.
    """
    rows = [
        Throughput(
            batch=int(cell["batch"]),
            input_shape=(int(cell["batch"]), *sample_shape),
            invoke_ms=int(cell["batch"]) * 1000 / float(cell["rate"]),
        )
        for cell in _CELL.finditer(text)
    ]
    if not rows:
        raise ToolchainError("no row `| bsN | samples/s |` in the table")
    return rows


def falls(rows: Sequence[Throughput], *, tolerance: float = 0.05) -> list[tuple[Throughput, Throughput]]:
    """Neighbouring batches where the larger gives fewer samples/s, by more than `tolerance` of the smaller's.

    Raises ToolchainError for a batch that is there twice, and for rows of different input shapes: they are
    no sweep.
    """
    ordered = sorted(rows, key=lambda row: row.batch)
    shapes = sorted({row.input_shape[1:] for row in rows})
    if len(shapes) > 1:
        raise ToolchainError(f"rows of different inputs are no sweep: {shapes[0]} and {shapes[1]} a sample")
    pairs = list(itertools.pairwise(ordered))
    for small, large in pairs:
        if small.batch == large.batch:
            raise ToolchainError(f"batch {small.batch} is there twice")
    return [(a, b) for a, b in pairs if b.samples_per_s < a.samples_per_s * (1 - tolerance)]


def table(rows: Sequence[Throughput]) -> str:
    """The sweep in Markdown: the input shape in every row, falls marked."""
    fell = {large.batch for _, large in falls(rows)}
    lines = ["| batch | input | ms a batch | samples/s | |", "| ---: | --- | ---: | ---: | --- |"]
    for row in sorted(rows, key=lambda row: row.batch):
        shape = "x".join(str(size) for size in row.input_shape)
        mark = "slower than the batch before" if row.batch in fell else ""
        lines.append(f"| {row.batch} | {shape} | {row.invoke_ms:.3f} | {row.samples_per_s:.1f} | {mark} |")
    return "\n".join(lines) + "\n"


def _require(name: str, pattern: str, *, group: str | None) -> None:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as e:
        raise ToolchainError(f"Console.{name} is no pattern: {e}") from e
    if group is not None and group not in groups:
        raise ToolchainError(f"Console.{name} wants a group called {group}: (?P<{group}>...)")


def _figure(text: str, pattern: str, what: str) -> float | None:
    found = [float(match["value"]) for match in re.finditer(pattern, text)]
    if len(found) > 1:
        raise ToolchainError(f"the run printed its {what} {len(found)} times: which one counts is not known")
    if found and not 0 < found[0] < float("inf"):
        raise ToolchainError(f"the run printed a {what} of {found[0]:g}")
    return found[0] if found else None

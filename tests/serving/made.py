"""A history with a course: two boards over months, a slower model file, a new version, tags, evaluations."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

import numpy as np

from deployer.history.entry import Columns
from deployer.records import RunRecord
from tests.history.made import bench
from tests.reporting import made

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EVIL = "<script>alert(1)</script>"


def course(count: int = 40, *, samples: int = 60) -> Iterator[RunRecord]:
    """Benches in turns on desk (40 ms, from the 21st on 44 ms with another file) and rack (60 ms)."""
    random = np.random.default_rng(1)
    for n in range(count):
        board = ("desk", "rack")[n % 2]
        slower = n >= 20 and board == "desk"
        middle_ms = 60.0 if board == "rack" else 44.0 if slower else 40.0
        times = np.round(random.normal(middle_ms, 0.4, samples), 3)
        record = bench(
            f"{n:06d}-bench-{board}",
            created=(BEGIN + datetime.timedelta(days=n)).isoformat(),
            board=board,
            chip=("pcupid", "maruko")[n % 2],
            invoke_ms=[float(each) for each in times],
            class_ids=[int(n % 7 == 0 and i % 2 == 0) for i in range(samples)],
            tool_version="0.8" if n >= 30 else "0.7",
        )
        median = float(np.median(times))
        yield dataclasses.replace(
            record,
            failures=record.failures if n % 5 == 0 else (),
            sha256={"models/eat.img": ("cd" if slower else "ab") * 32},
            measured={"steady": n % 6 != 1, "invoke_interval_ms": [median - 0.2, median + 0.2]},
        )


def evil(id: str = "999999-bench-evil") -> RunRecord:
    """Names that mean harm, wherever a name can be."""
    record = made.record(id=id, board=EVIL)
    return dataclasses.replace(record, model=EVIL, created="2026-03-01T00:00:00+00:00", tool_version=EVIL)


def evaluations() -> Iterator[Columns]:
    """Three, of this host."""
    for n in range(3):
        one = dataclasses.replace(
            made.evaluation(),
            id=f"88888{n}-eval-x",
            created=(BEGIN + datetime.timedelta(days=5 * n)).isoformat(),
        )
        yield Columns.of(one)

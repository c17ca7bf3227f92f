"""How fast the pages of `deploy serve` answer over a long history, and what telling of a running bench costs.

    PYTHONPATH=. python tests/bench/bench_serve.py [--runs 10000] [--samples 380]

A history of version 2 with so many runs, of 40 boards, is brought up to date (`upgrade_s`); then each page is asked
for over HTTP, `first` and the median of 5 more, in milliseconds. `tell_us` is the mean time of one event told.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployer.events import Advanced, Started
from deployer.history import schema
from deployer.history.entry import Columns
from deployer.project import Project
from deployer.serving.server import listening
from deployer.settings import config
from deployer.under_way.telling import Teller
from tests.history.made import bench

PAGES = {
    "list": "/",
    "list, page 200": "/?page=200",
    "list of a board": "/?board=b7",
    "list by median": "/?sort=median",
    "trend of a board, 250 runs": "/trends?model=eat&board=b7",
    "trend of six boards, 1500 runs": "/trends?model=eat",
    "a run": "/runs/{middle:06d}-run",
    "two runs": "/diff?a={middle:06d}-run&b=latest",
    "running now": "/running",
}


def _rows(runs: int, samples: int) -> Iterator[dict[str, Any]]:
    ms = [40.0 + i % 7 for i in range(samples)]
    one = Columns.of(bench("ID", invoke_ms=ms, class_ids=[0] * samples, created="2020-01-01T00:00:00+00:00"))
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    for number in range(runs):
        id, at = f"{number:06d}-run", begin + datetime.timedelta(hours=number)
        text = one.text.replace('"ID"', f'"{id}"', 1)
        yield {
            **{
                "id": id,
                "kind": "bench",
                "created": at.isoformat(),
                "created_s": at.timestamp(),
                "model": "eat",
            },
            **{"board": f"b{number % 40}", "chip": "pcupid", "bytes": len(text), "text": text},
            **{"sha256": hashlib.sha256(text.encode()).hexdigest(), "median_ms": 40.0 + number % 11},
        }


def _fill(path: Path, runs: int, samples: int) -> None:
    """As version 2 kept it."""
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for step in schema.STEPS[:2]:
            step(connection)
        connection.executemany(
            "INSERT INTO runs (id, kind, created, created_s, model, board, chip, bytes, sha256, record, "
            "runs, failed, median_ms, metric, value) "
            "VALUES (:id, :kind, :created, :created_s, :model, :board, :chip, :bytes, "
            f":sha256, :text, {samples}, 0, :median_ms, 'accuracy', 0.9)",
            _rows(runs, samples),
        )
        connection.execute("PRAGMA user_version = 2")


def _ms(url: str) -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        answer.read()
    return 1e3 * (time.perf_counter() - started)


def _tell_us(folder: Path) -> float:
    teller = Teller(folder, command="bench", model="eat")
    teller.take(Started(step="bench", total=10_000, unit="runs"))
    started = time.perf_counter()
    for done in range(10_000):
        teller.take(Advanced(step="bench", done=done, total=10_000, note="a.wav", failed=0, median_ms=1.0))
    spent = time.perf_counter() - started
    teller.close()
    return round(1e6 * spent / 10_000, 1)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=380)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(config.load(None, start=Path(folder)))
        history = project.history()
        _fill(history.path, args.runs, args.samples)
        started = time.perf_counter()
        history.prepare()
        figures: dict[str, Any] = {
            "runs": args.runs,
            "file_mb": round(history.path.stat().st_size / 1e6, 1),
            "upgrade_s": round(time.perf_counter() - started, 1),
            "tell_us": _tell_us(project.deployment.state_dir),
        }
        with listening(project) as server:
            thread = threading.Thread(target=server.run)
            thread.start()
            at = server.url.rstrip("/")
            try:
                for name, path in PAGES.items():
                    first, *more = [_ms(at + path.format(middle=args.runs // 2)) for _ in range(6)]
                    figures[name] = {"first_ms": round(first), "ms": round(statistics.median(more), 1)}
            finally:
                server.stop()
                thread.join()
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

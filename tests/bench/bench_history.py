"""How long the history takes when it is large.

    python tests/bench/bench_history.py [--runs 10000] [--samples 380]

Each run holds so many samples, as a bench of 38 clips with 10 runs each does. Times are medians of 5 in
milliseconds, connection and all.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deployer.history import Filter, History
from deployer.history.entry import Columns
from deployer.records import RunRecord
from tests.history.made import bench


def _median_ms(work: Callable[[int], object]) -> float:
    times = []
    for number in range(5):
        started = time.perf_counter()
        work(number)
        times.append(1e3 * (time.perf_counter() - started))
    return round(statistics.median(times), 1)


def _many(runs: int, samples: int) -> Iterator[Columns]:
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    for number in range(runs):
        created = (begin + datetime.timedelta(hours=number)).isoformat()
        yield Columns.of(_one(f"{number:06d}-run", samples, created=created, board=f"b{number % 40}"))


def _one(id: str, samples: int, **fields: str) -> RunRecord:
    return bench(id, invoke_ms=[1.0] * samples, class_ids=[0] * samples, **fields)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=380)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        history.add_all(_many(args.runs, args.samples))
        fresh = [_one(f"new-{n}", args.samples) for n in range(5)]
        figures = {
            "runs": args.runs,
            "samples": args.samples,
            "file_mb": round(history.path.stat().st_size / 1e6, 1),
            "add_ms": _median_ms(lambda n: history.add(fresh[n])),
            "newest_50_ms": _median_ms(lambda n: history.find(limit=50)),
            "of_one_board_50_ms": _median_ms(lambda n: history.find(Filter(board="b7"), limit=50)),
            "all_of_one_board_ms": _median_ms(lambda n: history.find(Filter(board="b7"))),
            "all_ms": _median_ms(lambda n: history.find()),
            "by_beginning_ms": _median_ms(lambda n: history.entry("005000")),
            "record_ms": _median_ms(lambda n: history.record("005000")),
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

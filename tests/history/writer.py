"""A process that adds runs and says of each that it is saved, to be killed.

    python -m tests.history.writer DIRECTORY PREFIX COUNT [compact]

Prints `ready`, then `saved ID` after each run, and `done`. With `compact` it also gives room back to the disk
after every seventh.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deployer.history import History, database
from tests.history.made import bench


def main(directory: Path, prefix: str, count: int, compact: bool) -> None:
    """Runs of a few samples and of a thousand take turns, so that small and large transactions are both cut."""
    history = History(directory)
    print("ready", flush=True)
    for number in range(count):
        times = 4 if number % 3 else 1000
        record = bench(f"{prefix}-{number:04d}", invoke_ms=[1.0 + number] * times, class_ids=[0] * times)
        history.add(record)
        print(f"saved {record.id}", flush=True)
        if compact and number % 7 == 6:
            database.compact(history.path)
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:] == ["compact"])

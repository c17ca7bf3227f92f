"""Writers of the history killed (SIGKILL) at random points; after each, what was said to be saved is there.

    python tests/soak/soak_history.py [--kills 100] [--seed 1]      (two minutes and more)

What may be there beside it is the one run whose writer died before it could say so, whole. Every fifth writer finds
a folder with the record files of an earlier deploy, and dies while it makes the database or soon after. In every
third round a second writer is at work on the same file, lives, and must not notice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deployer.history import History
from tests.history.made import bench

_ROOT = Path(__file__).parents[2]
_LEFT_FILES = 20
_BESIDE = 6
_SAVES = 10
_ROUNDS = 20  # kills over one file, which grows


@dataclass(kw_only=True)
class Tally:
    """What has happened. `unsaid` runs were whole, and their writers dead before they could say so."""

    kills: int = 0
    while_making: int = 0
    said: int = 0
    unsaid: int = 0
    compared: int = 0
    beside: int = 0
    lost: int = 0
    seconds: float = 0.0
    points: list[int] = field(default_factory=list)  # runs said before each kill


class Writer:
    """`tests/history/writer.py` in a process of its own."""

    def __init__(self, folder: Path, prefix: str, count: int, *, compact: bool = False) -> None:
        words = [sys.executable, "-m", "tests.history.writer", str(folder), prefix, str(count)]
        words += ["compact"] * compact
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert self._process.stdout is not None
        assert "ready\n" == self._process.stdout.readline()

    def kill_after(self, saves: int, *, share: float) -> list[str]:
        """Kill it in the middle of the run that follows so many; gives the ids that it said were saved.

        `share` is of the time that the run before took; before the first one it is of a tenth of a second.
        """
        stdout = self._process.stdout
        assert stdout is not None
        lines, took_s = [], 0.1
        for _ in range(saves):
            before = time.monotonic()
            lines.append(stdout.readline())
            took_s = time.monotonic() - before
        time.sleep(share * took_s)
        self._process.kill()
        return [*_ids(lines), *self._said()]

    def end(self) -> list[str]:
        """The same, of a writer that was left alone. Raises AssertionError when it failed."""
        said = self._said()
        assert self._process.returncode == 0, "the writer that nobody killed failed"
        return said

    def _said(self) -> list[str]:
        assert self._process.stdout is not None
        with (
            self._process.stdout as stdout
        ):  # not communicate(), which passes over what readline() has buffered
            lines = stdout.read().splitlines()
        self._process.wait()
        return _ids(lines)


def _ids(lines: list[str]) -> list[str]:
    return [line.removeprefix("saved ").rstrip("\n") for line in lines if line.startswith("saved ")]


def soak(folder: Path, *, kills: int, seed: int) -> Tally:
    """Kill, look, go on with the same file. Raises AssertionError at the first run lost or half there."""
    chance, tally = random.Random(seed), Tally()
    started = time.monotonic()
    known: set[str] = set()
    for number in range(kills):
        fresh = number % 5 == 4
        if number % _ROUNDS == 0:
            known = set()
        shared = folder / f"shared{number // _ROUNDS}"
        place = _with_left_files(folder / f"fresh{number}") if fresh else shared
        beside = Writer(place, f"beside{number}", _BESIDE) if number % 3 == 2 else None
        writer = Writer(place, f"run{number}", 10_000, compact=True)
        said = writer.kill_after(chance.randrange(2 if fresh else _SAVES), share=chance.uniform(0, 1.2))
        tally.points.append(len(said))
        tally.while_making += fresh and not said
        must = {*said, *(beside.end() if beside else ())}
        tally.beside += beside is not None
        must |= {f"left-{n}" for n in range(_LEFT_FILES)} if fresh else known
        there = _looked_at(place, must, tally, about=f"kill {number} after {len(said)} runs")
        tally.kills += 1
        tally.said += len(said)
        if not fresh:
            known = there
    tally.seconds = time.monotonic() - started
    return tally


def _looked_at(place: Path, must: set[str], tally: Tally, *, about: str) -> set[str]:
    """All ids there, after every record was read, held against its checksum and against what was written."""
    history = History(place)
    there = set()
    for entry, fields in history.each():
        assert (entry.id, entry.model) == (fields["id"], fields["model"]), (
            f"{about}: {entry.id} is half there"
        )
        assert len(fields["samples"]) in (4, 1000), f"{about}: {entry.id} is not whole"
        there.add(entry.id)
        tally.compared += 1
    lost = must - there
    tally.lost += len(lost)
    assert not lost, f"{about}: lost {sorted(lost)}"
    assert len(there - must) <= 1, f"{about}: nobody wrote {sorted(there - must)}"
    tally.unsaid += len(there - must)
    if not history.path.exists():  # killed before the first writer of this file made it
        return there
    with contextlib.closing(sqlite3.connect(history.path)) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall(), about
    return there


def _with_left_files(folder: Path) -> Path:
    folder.mkdir()
    for number in range(_LEFT_FILES):
        record = bench(f"left-{number}")
        (folder / f"{record.id}.json").write_text(json.dumps(asdict(record)), encoding="utf-8")
    return folder


def main() -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asdict(soak(Path(folder), kills=args.kills, seed=args.seed))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Boards as tasks: what a board costs a Dask cluster, and a fleet through two workers beside one from here.

    PYTHONPATH=. python tests/bench/bench_labs.py tasks [--boards 1000]
    PYTHONPATH=. python tests/bench/bench_labs.py push [--boards 16] [--rounds 3]

`tasks`: tasks that do nothing at a board, each with 20 steps of progress and the record of 200 runs, for boards of
two workers with 16 threads each. Bytes are counted by a relay between the command and the scheduler, in a round of
their own. `push`: simulated boards that have everything; then with a model of 2 MB that is new.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deployer import on_board
from deployer.board.config import BoardConfig
from deployer.events import Advanced, Emit, Started
from deployer.fleet.runner import run_fleet
from deployer.project import Project
from deployer.push import BoardFile
from deployer.records import BoardInfo, RunRecord, Sample
from deployer.scheduling import carried
from deployer.scheduling.carried import Travelled
from deployer.scheduling.labs import Labs
from deployer.settings import config
from tests.bench.bench_scheduler import _cpu_s, _peak_mib
from tests.boards.wire import Wire
from tests.fleet.rack import project, rack
from tests.scheduling.dask_here import Cluster

SAMPLES = 200
KEPT = 100
"""Records that are added to the history, to see what one takes."""


def main() -> None:
    """Which of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tasks", "push"))
    parser.add_argument("--boards", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["DEPLOY_STATE_DIR"] = f"{temporary}/state"
        if given.what == "tasks":
            tasks(Path(temporary), given.boards or 1000)
        else:
            push(Path(temporary), given.boards or 16, given.rounds)


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """On the worker: as much progress and as large a record as a bench of 200 runs has."""

    def __call__(self, project: Travelled, config: BoardConfig, files: list[BoardFile], emit: Emit) -> int:
        """How many files came along."""
        emit(Started(step="bench", total=20))
        for done in range(20):
            emit(Advanced(step="bench", done=done, total=20, note="a clip"))
        project.kept.add(_record(config))
        return len(files)


def _record(config: BoardConfig) -> RunRecord:
    sample = Sample(
        clip="1-137-A-32_22.05k.wav",
        run=1,
        invoke_ms=57.121,
        post_process_ms=0.181,
        class_id=32,
        wall_ms=81.5,
        start_load_io_ms=24.198,
        started_s=12.5,
        temperature_c=41.0,
        frequency_khz=1_200_000,
        load=0.5,
        memory_available_kib=40_000,
    )
    return RunRecord(
        id=f"20260101-000000-bench-{config.name}",
        kind="bench",
        created="2026-01-01T00:00:00+00:00",
        model="eat",
        board=BoardInfo(name=config.name, address=config.address),
        labels=tuple(f"class {number}" for number in range(50)),
        targets={sample.clip: 32},
        sha256={sample.clip: "0" * 64},
        settings={},
        samples=tuple(_numbered(sample, number) for number in range(SAMPLES)),
    )


def _numbered(sample: Sample, number: int) -> Sample:
    return Sample(**{**vars(sample), "run": number, "invoke_ms": sample.invoke_ms + number / 1000})


@contextmanager
def two_workers(home: Path, boards: list[BoardConfig], threads: int) -> Iterator[Cluster]:
    """Each beside half of the boards, one thread a board and at most so many."""
    with Cluster() as made:
        half = (len(boards) + 1) // 2
        for number, some in enumerate((boards[:half], boards[half:])):
            lab = home / f"lab-{number}"
            lab.mkdir()
            project(lab, some)
            made.start_lab(lab, [board.name for board in some], threads=min(threads, len(some)))
        yield made


def tasks(home: Path, count: int) -> None:
    """Figures of a board, as JSON."""
    boards = [BoardConfig(name=f"r{number:05}", host="127.0.0.1") for number in range(count)]
    here = home / "here"
    here.mkdir()
    path = project(here, [])
    work = Project(config.load(path))
    cargo = carried.of_project(work, on_board.board_files(work))
    with two_workers(home, boards, threads=16) as made:
        start_s = time.perf_counter()
        config.load(home / "lab-0" / "deploy.yaml")
        reading_s = time.perf_counter() - start_s
        one_round(made.address, boards[:50], cargo)  # contents and modules are there from then on
        processes = (made.scheduler, *made.workers)
        before = [_cpu_s(process.pid) for process in processes]
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        one_round(made.address, boards, cargo)
        wall_s, client_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        after = [_cpu_s(process.pid) for process in processes]
        with Wire("127.0.0.1", urlsplit(made.address).port or 0) as wire:
            one_round(f"tcp://127.0.0.1:{wire.port}", boards, cargo)
            there_bytes, back_bytes = wire.to_board.passed_bytes, wire.from_board.passed_bytes
        history = work.history()
        history.prepare()
        start_s = time.perf_counter()
        for board in boards[:KEPT]:
            history.add(_record(board))
        keeping_s = time.perf_counter() - start_s
        figures = {
            "boards": count,
            "boards_a_second": count / wall_s,
            "client_cpu_ms_a_board": 1e3 * client_cpu_s / count,
            "scheduler_cpu_ms_a_board": 1e3 * (after[0] - before[0]) / count,
            "worker_cpu_ms_a_board": 1e3 * sum(after[1:], -sum(before[1:])) / count,
            "bytes_to_the_scheduler_a_board": there_bytes / count,
            "bytes_from_the_scheduler_a_board": back_bytes / count,
            "reading_a_lab_s": reading_s,
            "keeping_a_record_ms": 1e3 * keeping_s / len(boards[:KEPT]),
            "client_peak_mib": _peak_mib(os.getpid()),
            "worker_peak_mib": max(_peak_mib(worker.pid) for worker in made.workers),
            "scheduler_peak_mib": _peak_mib(made.scheduler.pid),
            "load": os.getloadavg()[0],
        }
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}, indent=2))


def one_round(address: str, boards: list[BoardConfig], cargo: carried.Cargo) -> None:
    """Every board once."""
    with Labs(address) as labs:

        def job(board: BoardConfig, emit: Emit) -> int:
            answer = labs.ask(board.name, Nothing(), cargo, emit=emit)
            assert len(answer.records) == 1
            return int(answer.require())

        result = run_fleet(boards, job, parallel=1000)
    assert result.exit_code == 0, next(o.trouble for o in result.outcomes if o.trouble)


def push(home: Path, count: int, rounds: int) -> None:
    """A line a round: from here, and through two workers, first with nothing to send and then with a new model."""
    with rack(count) as places:
        boards = [place.config for place in places]
        here = home / "here"
        here.mkdir()
        path = project(here, boards)
        with two_workers(home, boards, threads=count) as made:
            there = ["--scheduler", made.address]
            ratios: dict[str, list[float]] = {"nothing": [], "a new model": []}
            _timed(path, [])
            _timed(path, there)
            for number in range(1, rounds + 1):
                for what, size in (("nothing", 0), ("a new model", 2_100_000)):
                    if size:
                        (here / "eat.img").write_bytes(os.urandom(size))
                    from_here_s = _timed(path, [])
                    if size:
                        (here / "eat.img").write_bytes(os.urandom(size))
                    through_s = _timed(path, there)
                    ratios[what].append(through_s / from_here_s)
                    load = os.getloadavg()[0]
                    print(
                        f"round {number}, {what}: from here {from_here_s:.2f} s, through labs {through_s:.2f} s,"
                        f" {through_s / count:.3f} s a board, load {load:.1f}"
                    )
            for what, found in ratios.items():
                print(f"{what}: through labs takes {statistics.median(found):.2f} times as long")


def _timed(path: Path, words: list[str]) -> float:
    argv = [sys.executable, "-m", "deployer", "push", "--all", "-q", "--config", str(path), *words]
    start_s = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main()

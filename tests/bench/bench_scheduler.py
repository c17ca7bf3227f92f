"""A Dask cluster of two worker processes: beside two copies of `deploy`, its memory, and what planning needs.

    PYTHONPATH=. python tests/bench/bench_scheduler.py speed [--clips 200] [--rounds 5]
    PYTHONPATH=. python tests/bench/bench_scheduler.py memory [--counts 38 3800]
    PYTHONPATH=. python tests/bench/bench_scheduler.py constants [--clips 1000]

`speed`: the command with --scheduler, its client included, against two copies that share its clips, in turn within
the same minute, first the one, then the other; the workers are running before, as on a cluster they are.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deployer.evaluation import dataset
from deployer.evaluation.answering import _Worker
from deployer.evaluation.answers import Answer, NoAnswer, to_line
from deployer.evaluation.evaluate import Request, _made
from deployer.evaluation.listing import Listed, Listing
from deployer.events import ignore
from deployer.project import Project
from deployer.scheduling.cluster import Cluster
from deployer.settings import config
from tests.bench.bench_eval import evaluation, make_clips, timed
from tests.evaluation import words
from tests.scheduling import work
from tests.scheduling.dask_here import Cluster as Processes


def main() -> None:
    """Which of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "memory", "constants"))
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="+", default=[38, 3800])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        if given.what == "speed":
            speed(home, given.clips, given.rounds)
        elif given.what == "memory":
            memory(home, given.counts)
        else:
            constants(home, given.clips)


def speed(home: Path, clips: int, rounds: int) -> None:
    """A line a round, and the median of the ratios: above 1 the cluster is the quicker."""
    make_clips(home, clips)
    ratios = []
    with Processes() as made:
        made.start([], [])
        there = [*evaluation(home, "all", jobs=1), "--scheduler", made.address]
        copies = [evaluation(home, half, jobs=1) for half in ("even", "odd")]
        for number in range(1, rounds + 1):
            if number % 2:
                cluster_s, copies_s = timed([there]), timed(copies)
            else:
                copies_s, cluster_s = timed(copies), timed([there])
            ratios.append(copies_s / cluster_s)
            load = os.getloadavg()[0]
            print(f"round {number}: cluster {cluster_s:.1f} s, two copies {copies_s:.1f} s, load {load:.1f}")
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"speed of two copies reached: median {statistics.median(ratios):.2f} of {each}")


def memory(home: Path, counts: list[int]) -> None:
    """Peaks of the command, of each worker and of the scheduler, each started for that many clips."""
    model = words.write_model(home / "words.onnx")
    for count in counts:
        clips = home / f"clips-{count}"
        clips.mkdir()
        words.write_clips(clips, count)
        project = words.write_project(home / f"project-{count}", model)
        with Processes() as made:
            made.start([], [])
            command = [
                sys.executable,
                "-m",
                "deployer",
                "eval",
                str(clips),
                "-q",
                "--scheduler",
                made.address,
            ]
            running = subprocess.Popen(
                [*command, "--config", str(project / "deploy.yaml")], stdout=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
            assert running.returncode == 0
            workers = [_peak_mib(worker.pid) for worker in made.workers]
            print(
                f"{count} clips: command {usage.ru_maxrss / 1024:.0f} MiB, workers"
                f" {' and '.join(f'{peak:.0f}' for peak in workers)} MiB,"
                f" scheduler {_peak_mib(made.scheduler.pid):.0f} MiB"
            )


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def constants(home: Path, clips: int) -> None:
    """What a shard, a clip and an answer cost, as JSON."""
    make_clips(home, clips)
    project = Project(config.load(home / "all" / "deploy.yaml"))
    found = dataset.find(home / "all" / "clips")
    listing_s, listing = _timed_listing(found)
    stage = _made(project, "onnx", Request(stages=["onnx"]))
    assert stage.source.make is not None
    fresh, worker = (_Worker(stage.source.make, stage.reading, False) for _ in range(2))
    first = list(listing)[:40]
    worker.run(tuple(first[:1]))
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    answers = worker.run(tuple(first))
    clip_s, clip_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    with Processes() as made:
        made.start([], [])
        cluster = Cluster(address=made.address)
        list(cluster.map(work.square, range(100)))
        before = [_cpu_s(p.pid) for p in (made.scheduler, *made.workers)]
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        assert 3000 == sum(1 for _ in cluster.map(work.square, range(3000)))
        shards_s, client_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        after = [_cpu_s(p.pid) for p in (made.scheduler, *made.workers)]
    figures = {
        "clip_bytes": _clip_bytes(home),
        "listing_ms_a_clip": 1e3 * listing_s / clips,
        "clip_ms": 1e3 * clip_s / len(first),
        "clip_cpu_ms": 1e3 * clip_cpu_s / len(first),
        "empty_shards_a_second": 3000 / shards_s,
        "client_cpu_ms_a_shard": client_cpu_s / 3,
        "scheduler_cpu_ms_a_shard": (after[0] - before[0]) / 3,
        "worker_cpu_ms_a_shard": sum(after[1:], -sum(before[1:])) / 3,
        "answer_bytes": statistics.mean(_line_bytes(listed, answer) for listed, answer in answers),
        "function_bytes": len(pickle.dumps(fresh.run)),
        "load": os.getloadavg()[0],
    }
    print(
        json.dumps({k: v if not isinstance(v, float) else round(v, 3) for k, v in figures.items()}, indent=2)
    )


def _line_bytes(listed: Listed, answer: Answer | NoAnswer) -> int:
    assert not isinstance(answer, NoAnswer)
    return len(to_line(listed.key, listed.clip.name, answer))


def _clip_bytes(home: Path) -> int:
    """Bytes of one clip."""
    return next((home / "all" / "clips").iterdir()).stat().st_size


def _timed_listing(found: dataset.DataSet) -> tuple[float, Listing]:
    start_s = time.perf_counter()
    listing = Listing(found, check=lambda clip: clip, emit=ignore)
    return time.perf_counter() - start_s, listing


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

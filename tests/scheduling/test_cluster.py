"""Shards on a real Dask scheduler with worker processes: each result once and in order, whatever is killed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from board_runner.errors import InputError, UsageError
from deployer import artifacts
from deployer.errors import ClusterFailed
from deployer.scheduling import cluster, connection
from deployer.scheduling.cluster import Cluster
from deployer.scheduling.shard import Need
from tests.scheduling import work
from tests.scheduling.dask_here import Cluster as Processes

pytest.importorskip("distributed", reason="Dask's distributed is not installed")


@pytest.fixture(scope="module")
def two() -> Iterator[Processes]:
    """A scheduler and two workers, that no test harms."""
    with Processes() as made:
        made.start([], ["--resources", "board-desk=1"])
        yield made


def test_results_come_in_the_order_of_the_shards(two: Processes) -> None:
    """Whichever worker is ready first."""
    assert [n * n for n in range(40)] == list(Cluster(address=two.address).map(work.square, range(40)))


def test_shards_spread_over_the_workers(two: Processes, tmp_path: Path) -> None:
    """Both processes are at work, and a shard has one of them."""
    shards = [(number, tmp_path) for number in range(30)]
    assert list(range(30)) == list(Cluster(address=two.address).map(work.note_pid, shards))

    ran = [path.name.split(".") for path in tmp_path.iterdir()]
    assert 30 == len(ran) and 2 == len({pid for _, pid in ran})
    assert str(os.getpid()) not in {pid for _, pid in ran}


def test_an_error_crosses_machines_with_its_hint(two: Processes) -> None:
    """The operator sees what the worker said, cure included."""
    with pytest.raises(InputError, match="clip 3: no sound") as caught:
        list(Cluster(address=two.address).map(work.refuse, [3]))

    assert "record it again" == caught.value.hint


def test_few_shards_are_begun_before_a_result_is_taken(two: Processes) -> None:
    """Ten million shards are not drawn into memory; those that nobody waits for are cancelled."""
    drawn: list[int] = []

    def shards() -> Iterator[int]:
        for number in range(100_000):
            drawn.append(number)
            yield number

    results = Cluster(address=two.address).map(work.square, shards())
    assert 0 == next(results)
    results.close()  # type: ignore[attr-defined]

    assert len(drawn) <= 2 * cluster.AHEAD


def test_a_board_has_one_shard_at_a_time(two: Processes, tmp_path: Path) -> None:
    """A resource of a worker is taken for as long as a shard runs, by another command's shards too."""
    board = Cluster(address=two.address, resources={"board-desk": 1})
    one, other = (board.map(work.on_the_board, [tmp_path] * 8) for _ in range(2))

    assert [True] * 16 == [alone for pair in zip(one, other, strict=True) for alone in pair]


def test_a_model_that_differs_there_is_named_before_anything_runs(two: Processes, tmp_path: Path) -> None:
    """A worker with last week's model must not answer."""
    model = tmp_path / "model.onnx"
    model.write_bytes(b"this week's")
    need = Need(name="the model", look=artifacts.sha256, place=model, expected="0" * 64)
    with pytest.raises(ClusterFailed, match=r"the model, .*model\.onnx, is another than here"):
        list(Cluster(address=two.address, needs=[need]).map(work.square, [1]))

    model.unlink()
    with pytest.raises(ClusterFailed, match="cannot be read") as caught:
        list(Cluster(address=two.address, needs=[need]).map(work.square, [1]))
    assert "share the folder" in caught.value.hint


def test_another_version_there_is_named_before_anything_runs(
    two: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides' versions, and the worker's address."""
    monkeypatch.setattr(connection, "__version__", "0.0.1")
    with pytest.raises(
        ClusterFailed, match=r"worker tcp://127\.0\.0\.1:\d+ has deploy .*, here it is 0\.0\.1"
    ):
        Cluster(address=two.address).check()


def test_nobody_there_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler, and what is no address."""
    monkeypatch.setattr(connection, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ClusterFailed, match=f"no Dask scheduler answers at tcp://127.0.0.1:{port}") as caught:
        Cluster(address=f"tcp://127.0.0.1:{port}").check()
    assert "dask scheduler" in caught.value.hint
    for address in ("127.0.0.1:8786", "tcp://lab", "tcp://lab:none", "http://lab:80"):
        with pytest.raises(UsageError, match="no address of a scheduler"):
            Cluster(address=address).check()


def test_a_killed_worker_costs_no_result() -> None:
    """Its shards run again elsewhere; each result comes once, in order."""
    with Processes() as made:
        lost, _ = made.start([], [])
        results = Cluster(address=made.address).map(work.slowly, range(40))
        found = [next(results) for _ in range(6)]
        lost.kill()
        found += results

    assert [n * n for n in range(40)] == found


def test_a_shard_that_kills_its_workers_ends_the_run() -> None:
    """It is not tried on every worker there is: with one failure allowed, two are lost."""
    with Processes() as made:
        made.start([], [], [])
        with pytest.raises(ClusterFailed, match="lost with its worker again and again"):
            list(Cluster(address=made.address).map(work.end_the_worker, [1]))
        assert 1 == sum(worker.poll() is None for worker in made.workers)


def test_a_cluster_without_workers_is_given_up() -> None:
    """One that has none to begin with, and one that loses its last."""
    with Processes() as made:
        with pytest.raises(ClusterFailed, match="has no worker") as caught:
            Cluster(address=made.address).check()
        assert f"dask worker {made.address}" in caught.value.hint
        (only,) = made.start([])
        results = Cluster(address=made.address, without_workers_s=0.5).map(work.slowly, range(40))
        next(results)
        only.kill()
        started_s = time.monotonic()
        with pytest.raises(ClusterFailed, match="no worker for"):
            list(results)
        assert time.monotonic() - started_s < 60


def test_a_scheduler_that_goes_away_is_told_with_the_cure() -> None:
    """In the middle of a run; results so far were given."""
    with Processes() as made:
        made.start([])
        results = Cluster(address=made.address).map(work.slowly, range(40))
        assert 0 == next(results)
        made.scheduler.kill()
        with pytest.raises(ClusterFailed, match="went away") as caught:
            list(results)
    assert "goes on where it was" in caught.value.hint

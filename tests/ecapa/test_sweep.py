"""`deploy sweep`: a row a batch size with its shape, what was lost, what fell, and answers that stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from board_runner.contract import TensorSpec
from board_runner.errors import ModelError, UsageError
from board_runner.graph import Graph, Node
from deployer import cli
from deployer.errors import CheckFailed
from deployer.statistics import Spread
from deployer.sweep.batch_axis import FREE, with_batch
from deployer.sweep.measure import Plan, sweep
from deployer.sweep.report import Row, SweepReport
from toolchain_wrappers import ascend_console

PUBLISHED = """| bs1 | 894.4216 | 0.9856 |
| bs4 | 2674.6597 | 0.9865 |
| bs8 | 3686.8627 | / |
| bs16 | 692.3013 | / |
| bs32 | 1358.1562 | / |
| bs64 | 2645.4167 | / |
"""


def _graph(nodes: tuple[Node, ...], out: tuple[int, ...], **constants: list[int]) -> Graph:
    return Graph(
        nodes=nodes,
        initializers={name: np.asarray(value, np.int64) for name, value in constants.items()},
        inputs=(TensorSpec(name="x", dtype="float32", shape=(1, 2, 6)),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=out),),
        opset=13,
    )


def _node(op: str, *inputs: str, out: str = "y", **attributes: object) -> Node:
    return Node(op_type=op, name=op, inputs=inputs, outputs=(out,), attributes=attributes)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A model of one sample without a written batch."""
    path = tmp_path / "plain.onnx"
    _graph((_node("Relu", "x"),), (1, 2, 6)).save(path)
    return path


@pytest.mark.torch
def test_a_static_export_is_swept(small_export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the float engine and ONNX Runtime: shapes in every row, the last batch kept, the same answers."""
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    model = str(small_export / "ecapa_sim.onnx")
    for engine in ("float", "onnxruntime"):
        words = ["sweep", model, "--by", engine, "--batch", "1", "--batch", "4", "--samples", "6"]
        assert cli.execute([*words, "--rounds", "1", "--json", "-q"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [row["input_shape"] for row in told["rows"]] == [[1, 80, 200], [4, 80, 200]]
        assert [(row["partial"], row["lost"]) for row in told["rows"]] == [(0, 0), (2, 0)]
        assert all(row["max_abs"] < 1e-4 and row["invoke_ms"] > 0 for row in told["rows"])


def test_samples_that_fill_no_batch_are_run_or_said_to_be_lost(plain: Path) -> None:
    """10 samples in fours: two are left, and the table says what became of them."""
    kept = sweep(plain, Plan(batches=(4, 5), samples=10, rounds=1))
    assert "| 4 | 4x2x6 |" in kept.as_text()
    assert "2 samples, kept" in kept.as_text()
    lost = sweep(plain, Plan(batches=(4, 5), samples=10, rounds=1, last="drop"))
    assert [(row.partial, row.lost) for row in lost.rows] == [(0, 2), (0, 0)]
    assert "2 of 10 samples lost" in lost.as_text()


def test_the_published_table_is_flagged_where_it_falls() -> None:
    """At batch 16 samples/s drop to a fifth: the seed's own table, which belongs to inputs of 80 x 10."""
    rows = tuple(
        Row(
            batch=r.batch,
            input_shape=r.input_shape,
            samples=4648,
            partial=0,
            lost=4648 % r.batch,
            invoke_ms=r.invoke_ms,
        )
        for r in ascend_console.parse_table(PUBLISHED, sample_shape=(80, 10))
    )
    report = SweepReport(
        model="published", engine="Ascend310P3", rounds=1, threads=None, load_average=None, rows=rows
    )
    assert report.falls == [(8, 16)]
    [marked] = [line for line in report.as_text().splitlines() if "slower than the batch before" in line]
    assert marked.startswith("| 16 | 16x80x10 | 23.111 |")
    assert "40 of 4648 samples lost" in report.as_text()


def test_a_fall_is_seen_through_the_noise_of_a_busy_host() -> None:
    """On one thread CPU time decides: wall times that jump are no fall, CPU time that does is one."""
    wall, cpu = (10.0, 90.0, 60.0), (8.0, 31.0, 70.0)
    rows = tuple(
        Row(
            batch=batch,
            input_shape=(batch, 2),
            samples=8,
            partial=0,
            lost=0,
            invoke_ms=wall_ms,
            invoke=Spread.of([wall_ms]),
            cpu_min_ms=cpu_ms,
        )
        for batch, wall_ms, cpu_ms in zip((1, 4, 8), wall, cpu, strict=True)
    )
    report = SweepReport(model="m", engine="e", rounds=1, threads=1, load_average=9.0, rows=rows)
    assert report.falls == [(4, 8)]
    assert replace(report, threads=2).falls == [(1, 4)]
    assert report.as_data()["slower_though_larger"] == [[4, 8]]


@pytest.mark.parametrize(
    ("graph", "fault"),
    [
        (_graph((_node("Reshape", "x", "shape"),), (1, 12), shape=[1, 12]), r"batch 3"),
        (_graph((_node("Reshape", "x", "shape"),), (1, 12), shape=[1, -1]), r"'y' is \[1, 36\]"),
        (_graph((_node("Softmax", "x", axis=0),), (1, 2, 6)), "differs by"),
    ],
    ids=["cannot", "squeezed", "mixed"],
)
@pytest.mark.parametrize("engine", ["float", "onnxruntime"])
def test_a_batch_that_computes_something_else_is_refused(
    graph: Graph, fault: str, engine: str, tmp_path: Path
) -> None:
    """A batch of 1 written into a Reshape, or samples of a batch that see each other."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    path = tmp_path / "m.onnx"
    graph.save(path)
    with pytest.raises((ModelError, CheckFailed), match=fault):
        sweep(path, Plan(batches=(3,), rounds=1), engine="float" if engine == "float" else "onnxruntime")


def test_sizes_that_make_no_sweep_are_refused(plain: Path) -> None:
    """A batch twice, none, more than there are samples; a model whose first size is no batch of 1."""
    for wrong in ({"batches": (4, 4)}, {"batches": ()}, {"batches": (8,), "samples": 7}, {"rounds": 0}):
        with pytest.raises(UsageError):
            Plan(**wrong)
    graph = Graph.load(plain)
    assert with_batch(with_batch(graph, FREE), 3).inputs[0].shape == (3, 2, 6)
    with pytest.raises(ModelError, match=r"\[3, 2, 6\]"):
        with_batch(with_batch(graph, 3), 4)


def test_the_second_vendors_tools_are_driven(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ascend's steps by the stand-in: each size compiled and run, the samples that its runner drops are told."""
    words = [
        "sweep",
        str(plain),
        "--by",
        "ascend",
        "--work",
        str(tmp_path / "w"),
        "--batch",
        "1",
        "--batch",
        "4",
    ]
    assert cli.execute([*words, "--samples", "26", "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["input_shape"], row["lost"]) for row in told["rows"]] == [([1, 2, 6], 0), ([4, 2, 6], 2)]
    assert "Ascend310P3" in told["engine"]
    assert cli.execute([*words, "--samples", "26", "--last", "keep", "-q"]) == 2

"""Other EATs than the shipped one, from a folder of weights to what a board says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner import audio
from board_runner.contract import Tensors
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.integer.engine import OfflineEngine
from board_runner.models import eat
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import QuantSettings
from board_runner.simboard import SimBoard, SimBoardConfig
from deployer import cli
from tests.eat.sizes import SIZES, Size, write, write_clips
from toolchain_wrappers import standin

pytestmark = pytest.mark.torch

WHOLE = ("less than a second, 7 classes", "5 s, factors 2 6 4")
"""These go through every command; the others through what the commands call."""


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in ("torch", "onnxsim", "onnxruntime"):
        pytest.importorskip(tool, reason=f"{tool} is not installed")


@pytest.fixture(params=WHOLE)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Size]:
    """A project of that size in the current directory: two clips, the built-in tools, a board."""
    size = SIZES[request.param]
    write(tmp_path / "trained", size)
    write_clips(tmp_path / "clips", size, 2)
    (tmp_path / "labels.txt").write_text(
        "".join(f"kind {n}\n" for n in range(size.classes)), encoding="utf-8"
    )
    tree = standin.make(tmp_path / "tools")
    with SimBoard(SimBoardConfig()).start() as sim, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
        board = {
            "host": sim.host,
            "port": sim.port,
            "key": str(sim.client_key_path),
            "directory": "/customer/x",
        }
        settings = {
            "model": {"name": "eat", "checkpoint": "trained", "labels": "labels.txt"},
            "audio": {"clips": "clips"},
            "toolchain": {
                "models_dir": str(tree.models_dir),
                "tools_dir": str(tree.tools_dir),
                "conv_input_format": "ALL_INT16",
            },
            "boards": {"sim": board},
        }
        (tmp_path / "deploy.yaml").write_text(json.dumps(settings), encoding="utf-8")
        yield size


def test_another_size_goes_the_whole_way(project: Size, capsys: pytest.CaptureFixture[str]) -> None:
    """export, convert, push, bench and the board's dumps: the board's bits are the simulator's, near float."""
    for words in (["export"], ["convert"], ["push"]):
        assert cli.execute([*words, "-q"]) == 0, capsys.readouterr().err
    benched = _json(capsys, ["bench", "--runs", "1"])
    compared = _json(capsys, ["compare-sim", "float", "fixed", "offline", "board"])

    samples = [s for s in benched["record"]["samples"] if not s["warm_up"]]
    assert (len(samples), benched["record"]["failures"]) == (2, [])
    assert all(0 <= sample["class_id"] < project.classes for sample in samples)
    pairs = {(row["reference"], row["candidate"]): row for row in compared["comparisons"]}
    assert pairs["fixed", "offline"]["max_abs"] == 0 == pairs["offline", "board"]["max_abs"]
    assert pairs["float", "fixed"]["sqnr_db"] > 40


@pytest.mark.parametrize("name", [name for name in SIZES if name not in WHOLE])
def test_another_size_converts_to_what_float_says(name: str, tmp_path: Path) -> None:
    """Exported and verified, quantised and compiled: the image gives the fixed model's bits, near float."""
    from deployer.export.onnx_export import export_model

    size = SIZES[name]
    report = export_model(write(tmp_path / "trained", size), tmp_path / "out")
    inputs = [_input(clip, report.simplified.path) for clip in write_clips(tmp_path / "clips", size, 2)]
    write_float(report.simplified.path, tmp_path / "float.sim")
    settings = QuantSettings(conv_bits=16)
    write_fixed(tmp_path / "float.sim", tmp_path / "fixed.sim", samples=inputs, settings=settings)
    write_image(tmp_path / "fixed.sim", tmp_path / "eat.img", chip="pcupid")
    exact, fixed = FloatEngine.load(report.simplified.path), FixedEngine(Graph.load(tmp_path / "fixed.sim"))
    offline = OfflineEngine.load(tmp_path / "eat.img")

    for given in inputs:
        wanted, levels = exact.run(given)["output"], fixed.run_raw(given)["output"]
        assert wanted.shape == (1, size.classes)
        assert np.array_equal(levels, offline.run_raw(given)["output"])
        noise = np.square(wanted - fixed.run(given)["output"]).sum()
        assert 1e4 * noise < np.square(wanted).sum()


def test_every_size_meant_for_the_board_is_one() -> None:
    """The sizes here differ from the shipped one in everything that `args.yml` can say."""
    for field in ("nf", "width", "heads", "factors", "samples", "classes", "rate_hz"):
        assert len({getattr(size, field) for size in SIZES.values()}) > 2, field


def _input(clip: Path, model: Path) -> Tensors:
    contract = Graph.load(model).contract
    assert contract is not None
    samples = audio.require(audio.read_wav(clip), contract.sample_rate_hz)
    return next(iter(eat.chunks(samples, contract)))


def _json(capsys: pytest.CaptureFixture[str], words: list[str]) -> Any:
    capsys.readouterr()
    assert cli.execute([*words, "--json", "-q"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)

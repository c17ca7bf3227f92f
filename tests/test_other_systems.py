"""The whole chain for what is not EAT: a checkpoint becomes an image, and a board says what the simulator says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from board_runner.simboard import SimBoard, SimBoardConfig
from deployer import cli
from tests.efficientat import networks
from tests.kws.conftest import random_network
from toolchain_wrappers import standin

pytestmark = pytest.mark.torch


def _kws(folder: Path) -> Path:
    import torch

    folder.mkdir()
    (folder / "args.yml").write_text("model_size_info: DS-CNN-S\n", encoding="utf-8")
    torch.save({"model_dict": random_network("DS-CNN-S").state_dict()}, folder / "chkpnt.pt")
    return folder


SYSTEMS: dict[str, tuple[Callable[[Path], Path], int, float]] = {
    "kws": (_kws, 16000, 1.0),
    "efficientat": (lambda folder: networks.write(folder, "mn05"), 32000, 2.0),
}
"""Model -> what writes its checkpoint folder, rate and length of its clips."""


@pytest.fixture(params=[*SYSTEMS])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A project of that model in the current directory: three clips of noise, the built-in tools, a board."""
    for tool in ("torch", "onnxsim"):
        pytest.importorskip(tool, reason=f"{tool} is not installed")
    model: str = request.param
    checkpoint, rate_hz, seconds = SYSTEMS[model]
    folder = checkpoint(tmp_path / "trained")
    tree = standin.make(tmp_path / "tools")
    rng = np.random.default_rng(0)
    (tmp_path / "clips").mkdir()
    for number in range(3):
        noise = rng.uniform(-0.5, 0.5, int(rate_hz * seconds)) * rng.uniform(0.1, 1)
        soundfile.write(tmp_path / "clips" / f"{number}.wav", noise, rate_hz)
    with SimBoard(SimBoardConfig()).start() as sim, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
        board = {
            "host": sim.host,
            "port": sim.port,
            "key": str(sim.client_key_path),
            "directory": "/customer/x",
        }
        (tmp_path / "deploy.yaml").write_text(
            json.dumps(
                {
                    "model": {"name": model, "checkpoint": str(folder)},
                    "audio": {"clips": "clips"},
                    "toolchain": {"models_dir": str(tree.models_dir), "tools_dir": str(tree.tools_dir)},
                    "boards": {"sim": board},
                }
            ),
            encoding="utf-8",
        )
        yield model


def test_what_the_board_says_is_what_the_simulator_says(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """export, convert, push, bench, and the board's own dumps: bit for bit the offline simulator's."""
    for words in (["export"], ["convert"]):
        assert cli.execute([*words, "-q"]) == 0
    benched = _json(capsys, ["bench", "--runs", "1"])
    compared = _json(capsys, ["compare-sim", "float", "fixed", "offline", "board"])

    samples = [s for s in benched["record"]["samples"] if not s["warm_up"]]
    assert (len(samples), benched["record"]["failures"]) == (3, [])
    pairs = {(row["reference"], row["candidate"]): row for row in compared["comparisons"]}
    assert pairs["fixed", "offline"]["max_abs"] == 0 == pairs["offline", "board"]["max_abs"]
    assert pairs["float", "fixed"]["top1_agreement"] == 1


def _json(capsys: pytest.CaptureFixture[str], words: list[str]) -> Any:
    capsys.readouterr()
    assert cli.execute([*words, "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)

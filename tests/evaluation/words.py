"""What makes the small keyword spotter, its project and its clips; also for processes of their own."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from board_runner.contract import METADATA_KEY
from board_runner.models import kws
from deployer.cli.eval import command

WORDS = ("yes", "no", "stop")


def write_model(path: Path) -> Path:
    """Twelve scores, each a sum of the features under fixed random weights."""
    contract = kws.contract()
    shape = contract.inputs[0].shape
    weights = np.random.default_rng(3).normal(0, 0.05, (int(np.prod(shape)), 12)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", [kws.INPUT], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], [kws.OUTPUT]),
        ],
        "words",
        [helper.make_tensor_value_info(kws.INPUT, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(kws.OUTPUT, TensorProto.FLOAT, (1, 12))],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.save(model, str(path))
    return path


def write_project(folder: Path, model: Path) -> Path:
    """A deploy.yaml that names the model."""
    folder.mkdir()
    settings = {"model": {"name": "kws", "onnx": str(model)}}
    (folder / "deploy.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def write_clips(folder: Path, count: int) -> Path:
    """So many different noises in turn under `yes`, `no` and `stop`."""
    rng = np.random.default_rng(count)
    for number in range(count):
        path = folder / WORDS[number % 3] / f"take {number // 3:04d}.wav"
        path.parent.mkdir(exist_ok=True)
        write_wav(path, rng.integers(-9000, 9000, 16000))
    return folder


def write_wav(path: Path, samples: Any) -> None:
    """16 bits, mono, 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.asarray(samples).astype("<i2").tobytes())


def run(project: Path, *words: str) -> dict[str, Any]:
    """What `deploy eval --json` prints; any other exit code than 0 fails the test."""
    ran = CliRunner().invoke(command, [*words, "--json", "-q", "--config", str(project / "deploy.yaml")])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    result = json.loads(ran.stdout)
    assert isinstance(result, dict)
    return result


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two records are one, but for when they were made."""
    own = ("id", "created")
    return {k: v for k, v in one.items() if k not in own} == {k: v for k, v in other.items() if k not in own}

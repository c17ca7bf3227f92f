"""A network of milliseconds: three kinds of convolution, a branch, a dense layer; EAT's front end."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np

from board_runner.contract import METADATA_KEY, Array, Tensors, TensorSpec
from board_runner.graph import Graph, Node
from board_runner.models import eat

SAMPLES, CLASSES = 512, 10
CONV_INPUTS = ("images", "a1", "c2", "sum")


def _node(op: str, inputs: str, output: str, **attributes: object) -> Node:
    return Node(
        op_type=op, name=output, inputs=tuple(inputs.split()), outputs=(output,), attributes=attributes
    )


def graph(seed: int = 1) -> Graph:
    """Inputs of its convolutions: CONV_INPUTS; `a1` is read by a depthwise one, `c2` by two of one tap."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> Array:
        fan = int(np.prod(shape[1:]))
        values: Array = (rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)
        return values

    contract = replace(
        eat.contract(),
        inputs=(TensorSpec(name="images", dtype="float32", shape=(1, 1, SAMPLES)),),
        outputs=(TensorSpec(name="output", dtype="float32", shape=(1, CLASSES)),),
        front_end={"peak": 0.95, "samples": SAMPLES},
    )
    return Graph(
        nodes=(
            _node("Conv", "images w1 b1", "c1", kernel_shape=[8], strides=[4]),
            _node("LeakyRelu", "c1", "a1", alpha=0.2),
            _node("Conv", "a1 w2 b2", "c2", kernel_shape=[3], strides=[2], group=8),
            _node("Conv", "c2 w3 b3", "c3", kernel_shape=[1]),
            _node("Conv", "c2 w4 b4", "c4", kernel_shape=[1]),
            _node("LeakyRelu", "c3", "a3", alpha=0.2),
            _node("Add", "a3 c4", "sum"),
            _node("Conv", "sum w5 b5", "c5", kernel_shape=[3], strides=[2]),
            _node("Reshape", "c5 shape", "flat"),
            _node("Gemm", "flat w6 b6", "output", transB=1),
        ),
        initializers={
            **{"w1": weights(8, 1, 8), "w2": weights(8, 1, 3), "w3": weights(16, 8, 1)},
            **{"w4": weights(16, 8, 1), "w5": weights(16, 16, 3), "w6": weights(CLASSES, 496)},
            **{f"b{i + 1}": weights(n) for i, n in enumerate((8, 8, 16, 16, 16, CLASSES))},
            "shape": np.array([1, 496], np.int64),
        },
        inputs=contract.inputs,
        outputs=contract.outputs,
        opset=17,
        metadata={METADATA_KEY: contract.to_json()},
    )


def sounds(count: int, seed: int = 2) -> list[Tensors]:
    """Noise bursts of uneven loudness and length, the rest silence."""
    rng = np.random.default_rng(seed)
    found: list[Tensors] = []
    for _ in range(count):
        clip = rng.laplace(0, 0.2, SAMPLES).astype(np.float32)
        clip[int(rng.integers(SAMPLES // 2, SAMPLES)) :] = 0
        found.append({"images": np.clip(clip, -0.95, 0.95).reshape(1, 1, SAMPLES)})
    return found


def save(path: Path, seed: int = 1) -> Path:
    """The model as a file; gives the path."""
    graph(seed).save(path)
    return path


def write_project(folder: Path) -> Path:
    """A project around the network, two clips to calibrate and three to judge; gives the folder."""
    save(folder / "small.onnx")
    for clips, count, seed in (("calibration", 2, 1), ("clips", 3, 2)):
        (folder / clips).mkdir()
        for index, sound in enumerate(sounds(count, seed=seed)):
            with wave.open(str(folder / clips / f"{seed}{index}.wav"), "wb") as file:
                file.setparams((1, 2, eat.contract().sample_rate_hz, 0, "NONE", ""))
                file.writeframes((sound["images"].ravel() * 32767).astype("<i2").tobytes())
    text = "version: 1\nmodel:\n  onnx: small.onnx\naudio:\n  clips: clips\n  calibration: calibration\n"
    (folder / "deploy.yaml").write_text(text + "toolchain:\n  kind: sigmastar   # ours\n")
    return folder

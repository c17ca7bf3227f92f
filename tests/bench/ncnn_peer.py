"""ncnn as a further runtime of `bench_native.py`, where it is installed; the project does not depend on it.

`pip install --no-deps ncnn pnnx` is all: of pnnx only the program is used, its Python half needs PyTorch.
int8 is not among the precisions: ncnn has none for `Convolution1D`, and its wheels hold no calibration tool.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from board_runner.contract import Array, Tensors

SUFFIX = ".ncnn.param"


class NotTimed(Exception):
    """Why ncnn has no rows."""


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How ncnn keeps numbers; `limit` is how far a logit may be off, by the largest logit."""

    name: str
    fp16: bool = False
    bf16: bool = False
    limit: float


PRECISIONS = (
    Precision(name="float", limit=1e-4),
    Precision(name="fp16", fp16=True, limit=1e-2),
    Precision(name="bf16", bf16=True, limit=5e-2),
)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The model in one precision: `side` runs all clips once and gives milliseconds; `differs` is in logits."""

    name: str
    side: Callable[[], list[float]]
    differs: float
    same_class: int


def require() -> None:
    """Raises NotTimed without ncnn."""
    if importlib.util.find_spec("ncnn") is None:
        raise NotTimed("it is not installed (`pip install --no-deps ncnn pnnx`)")


def peers(param: Path, inputs: Sequence[Tensors], logits: Array, threads: int) -> list[Peer]:
    """Every precision of a converted model, held against float logits (clips, classes).

    Raises NotTimed without ncnn, for a model that it cannot load, and where its logits are others.
    """
    require()
    ncnn = importlib.import_module("ncnn")
    mats = [ncnn.Mat(_flat(clip)).clone() for clip in inputs]
    return [_peer(ncnn, param, precision, mats, logits, threads) for precision in PRECISIONS]


def convert(model: Path, folder: Path, shape: Sequence[int]) -> Path:
    """The param file that pnnx makes of an ONNX model in `folder`, its weights in float32 beside it.

    Raises NotTimed without pnnx, and with its last line where it fails.
    """
    copy = shutil.copy(model, folder / model.name)  # it writes beside the file that it reads
    command = [_pnnx(), copy, f"inputshape=[{','.join(map(str, shape))}]f32", "fp16=0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    made = folder / (model.stem + SUFFIX)
    if done.returncode or not made.is_file():
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise NotTimed(f"pnnx ended with {done.returncode}: {''.join(last)}")
    return made


def _pnnx() -> str:
    spec = importlib.util.find_spec("pnnx")  # not imported: that would need PyTorch
    beside = str(Path(spec.origin).parent / "pnnx") if spec and spec.origin else "pnnx"
    found = shutil.which(beside)
    if found is None:
        raise NotTimed("no pnnx to convert the model (`pip install --no-deps pnnx`, or give --ncnn)")
    return found


def _flat(clip: Tensors) -> Array:
    # ncnn knows no batch: (1, channels, samples) is (channels, samples)
    return np.ascontiguousarray(next(iter(clip.values()))[0], np.float32)


def _peer(ncnn: Any, param: Path, precision: Precision, mats: list[Any], logits: Array, threads: int) -> Peer:
    net = _load(ncnn, param, precision, threads)
    given = np.stack([np.array(_run(net, mat)).reshape(-1) for mat in mats])
    if given.shape != logits.shape:
        raise NotTimed(f"{param.name} gives {given.shape}, not {logits.shape}")
    differs = float(np.abs(given - logits).max())
    if not differs <= precision.limit * float(np.abs(logits).max()):
        raise NotTimed(f"its logits in {precision.name} are up to {differs:.2g} from ONNX Runtime's")
    return Peer(
        name=f"ncnn {precision.name}",
        side=lambda: [_timed(net, mat) for mat in mats],
        differs=differs,
        same_class=int((given.argmax(1) == logits.argmax(1)).sum()),
    )


def _load(ncnn: Any, param: Path, precision: Precision, threads: int) -> Any:
    net = ncnn.Net()
    net.opt.num_threads, net.opt.use_vulkan_compute = threads, False
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(net.opt, name, precision.fp16)
    for name in ("use_bf16_packed", "use_bf16_storage"):
        setattr(net.opt, name, precision.bf16)
    weights = param.with_suffix(".bin")
    if not weights.is_file() or net.load_param(str(param)) or net.load_model(str(weights)):
        raise NotTimed(f"ncnn cannot load {param} with {weights.name}")
    return net


def _run(net: Any, mat: Any) -> Any:
    with net.create_extractor() as extractor:
        extractor.input("in0", mat)
        status, out = extractor.extract("out0")
    if status:
        raise NotTimed(f"ncnn gives status {status} for out0")
    return out


def _timed(net: Any, mat: Any) -> float:
    started = time.perf_counter()
    _run(net, mat)
    return 1e3 * (time.perf_counter() - started)

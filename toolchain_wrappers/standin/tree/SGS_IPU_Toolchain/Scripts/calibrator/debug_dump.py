"""The tensors of every layer, written when a DebugConfig.txt in the working directory asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import console
import numpy as np
import numpy.typing as npt

from board_runner.engine import Engine
from board_runner.float_engine import FloatEngine
from board_runner.integer.engine import IntegerEngine, OfflineEngine, real

CONFIG = "DebugConfig.txt"
FILE = "sigma_outtensor_dump.bin"
MAX_PATH_BYTES = 122

OP_TYPES = {
    **{name: "CONV_2D" for name in ("Conv", "conv8", "conv16")},
    **{name: "FULLY_CONNECTED" for name in ("Gemm", "linear")},
    **{name: "BATCH_MATMUL" for name in ("MatMul", "matmul")},
    **{name: "LEAKY_RELU" for name in ("LeakyRelu", "leaky")},
    **{name: "MIRROR_PAD" for name in ("Pad", "pad")},
    **{name: "GATHER" for name in ("Gather", "take")},
}

Values = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Request:
    """What the switches of a DebugConfig.txt ask for."""

    folder: str
    dequantised: bool
    as_text: bool


def requested(config: Path = Path(CONFIG)) -> Request | None:
    """A line that begins with `#` is off; without dumpTensor nothing is dumped."""
    if not config.is_file():
        return None
    lines = [line.strip() for line in config.read_text(encoding="utf-8").splitlines()]
    folder = next((line.removeprefix("path=").strip() for line in lines if line.startswith("path=")), "")
    if "dumpTensor" not in lines:
        return None
    return Request(folder or str(Path.home()), "dequantFixed" in lines, "dumpasstring" in lines)


def write(request: Request, model: Engine, tensor: npt.NDArray[np.float32]) -> None:
    """One input's tensors, over those of the input before. An offline model has none to show."""
    if isinstance(model, OfflineEngine):
        return
    path = Path(request.folder) / FILE
    if len(os.fsencode(request.folder)) > MAX_PATH_BYTES or not path.parent.is_dir():
        console.red("write file fail...")
        return
    inputs = {model.inputs[0].name: tensor}
    with path.open("wb") as file:
        if isinstance(model, FloatEngine):
            file.write(b"isFloat: 1\n")
            _float(file, request, model, inputs)
        elif isinstance(model, IntegerEngine):
            file.write(b"isFloat: %d\n" % request.dequantised)
            _fixed(file, request, model, inputs)


def _float(
    file: BinaryIO, request: Request, model: FloatEngine, inputs: dict[str, npt.NDArray[np.float32]]
) -> None:
    values = model.intermediates(inputs)
    for index, node in enumerate(model.graph.nodes):
        for output, name in enumerate(node.outputs):
            head = Head(index, output, name, OP_TYPES.get(node.op_type, node.op_type.upper()), "float")
            _tensor(file, request, head, values[name], constant=node.op_type == "Constant")


def _fixed(
    file: BinaryIO, request: Request, model: IntegerEngine, inputs: dict[str, npt.NDArray[np.float32]]
) -> None:
    for index, (step, levels) in enumerate(model.trace(inputs)):
        if not step.name:
            continue
        value = model.program.values[step.output]
        head = Head(
            index, 0, step.name, OP_TYPES.get(step.op, step.op.upper()), "SGS_S16", value.scale, value.zero
        )
        shown = real(value, levels) if request.dequantised else levels
        _tensor(file, request, head, shown, constant=step.op == "constant")


@dataclass(frozen=True)
class Head:
    """What stands before a tensor."""

    index: int
    output: int
    name: str
    op_type: str
    dtype: str
    scale: float = 0.0
    zero: int = 0


def _tensor(file: BinaryIO, request: Request, head: Head, values: Values, *, constant: bool) -> None:
    shape = ", ".join(str(size) for size in values.shape)
    lines = (
        f"//out {head.output} s: {head.scale:.9g} z: {head.zero} type: {head.dtype} name: {head.name} "
        f"bConstant:{constant:d} shape:[{shape}] dims:{values.ndim}",
        f"op_out[{head.index}] {head.op_type} = {{",
        f"//buffer data size: {values.nbytes}",
        "",
    )
    file.write("\n".join(lines).encode())
    if request.as_text:
        file.writelines(_text(values))
    else:
        file.write(np.ascontiguousarray(values).tobytes())
    file.write(b"};\n")


def _text(values: Values) -> Iterator[bytes]:
    flat = values.reshape(-1)
    for start in range(0, flat.size, 16):
        yield ("".join(f"{value:.6f}, " for value in flat[start : start + 16]) + "\n").encode()

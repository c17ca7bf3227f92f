"""Models exported elsewhere, held against the contract: the faults that their exports have had, by name.

An export may pass its exporter and answer wrongly: each axis that it declares dynamic is run at a second size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from board_runner.contract import Array, InputContract
from board_runner.errors import ModelError
from deployer.export.checks import Check, constant_convolutions, row

AXES = ("batch", "channel", "mel channels", "frames")
"""What the axes of a spectrogram model's input hold."""

TOLERANCE = 1e-3
SEED = 20260101

FIXED_POOLING = "a pooling of fixed size stands where an adaptive one or a mean should"

EXPORTER_FAULTS = {
    "adaptive pooling": "an adaptive pooling needs planes of a constant size: export at a static shape, or "
    "write it as a mean over the axes",
    "scaled_dot_product_attention": "this exporter has no fused attention at that opset: write it out",
}
"""Words of PyTorch's own messages -> what to do."""


def cure(error: Exception) -> str:
    """What to do about a failure of PyTorch's exporter, "" where that is not known."""
    return next((hint for words, hint in EXPORTER_FAULTS.items() if words in str(error)), "")


@dataclass(frozen=True, kw_only=True)
class _Examined:
    """A foreign model under ONNX Runtime, and the one input it is run with."""

    model: onnx.ModelProto
    session: ort.InferenceSession
    contract: InputContract

    @property
    def dynamic(self) -> dict[int, str]:
        """Axis of the input -> its symbol."""
        dims = self.model.graph.input[0].type.tensor_type.shape.dim
        return {i: dim.dim_param or "?" for i, dim in enumerate(dims) if not dim.HasField("dim_value")}

    def run(self, value: Array) -> list[Array]:
        """All outputs; raises ModelError with the runtime's first line."""
        try:
            return list(self.session.run(None, {self.session.get_inputs()[0].name: value}))
        except Exception as e:  # the runtime's errors share no base class
            raise ModelError(str(e).strip().splitlines()[0]) from e


def examine(path: Path, contract: InputContract) -> list[Check]:
    """A row for every trap, for an ONNX model whose input is a spectrogram of the contract's shape.

    Raises ModelError for a file that does not load or has another kind of input.
    """
    examined = _load(path, contract)
    return [
        row("outputs named", _names(examined), ", ".join(spec.name for spec in contract.outputs)),
        row("dynamic axes hold what they are called", _misnamed(examined), _told(examined)),
        row(
            "batch of two",
            _batch(examined),
            "each clip's answer is its own" if 0 in examined.dynamic else "static",
        ),
        row("other lengths", _length(examined), "runs" if 3 in examined.dynamic else "static"),
        constant_convolutions({path.name: examined.model}),
    ]


def _load(path: Path, contract: InputContract) -> _Examined:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # refusals are asked for here; the runtime would print each
    options.intra_op_num_threads = 1
    try:
        model = onnx.load_model(str(path))
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as e:  # neither package has one base class for what it raises
        raise ModelError(f"{path}: no model that ONNX Runtime loads: {str(e).strip().splitlines()[0]}") from e
    dims = model.graph.input[0].type.tensor_type.shape.dim if model.graph.input else []
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]
    wanted = contract.inputs[0].shape
    if len(sizes) != len(wanted) or any(
        size is not None and size != want for size, want in zip(sizes, wanted, strict=True)
    ):
        shown = [size or "?" for size in sizes]
        raise ModelError(
            f"{path}: the input is {shown}, the front end makes {list(wanted)}",
            hint="mel channels come before frames: transpose (batch, frames, mel)",
        )
    return _Examined(model=model, session=session, contract=contract)


def _names(examined: _Examined) -> Iterator[str]:
    found = [value.name for value in examined.model.graph.output]
    wanted = [spec.name for spec in examined.contract.outputs]
    if found != wanted:
        yield f"{', '.join(found)}; wants {', '.join(wanted)}: give the exporter a name for each output"


def _told(examined: _Examined) -> str:
    return ", ".join(f"{i} ({AXES[i]}) as {name!r}" for i, name in examined.dynamic.items()) or "all static"


def _misnamed(examined: _Examined) -> Iterator[str]:
    """Only batch and frames can vary: a network of another number of mel channels is another network."""
    for axis, name in examined.dynamic.items():
        if axis in (1, 2):
            size = examined.contract.inputs[0].shape[axis]
            yield f"axis {axis} is dynamic as {name!r}, but holds the {size} {AXES[axis]}; time is axis 3"


def _batch(examined: _Examined) -> Iterator[str]:
    if 0 not in examined.dynamic:
        return
    _, *rest = examined.contract.inputs[0].shape
    two = np.random.default_rng(SEED).standard_normal((2, *rest)).astype(np.float32)
    try:
        together = examined.run(two)
        apart = [examined.run(clip[None]) for clip in two]
    except ModelError as e:
        yield f"a batch of 2 fails: the batch was fixed to 1 when traced ({e})"
        return
    names = [value.name for value in examined.model.graph.output]
    for name, found, singles in zip(names, together, zip(*apart, strict=True), strict=True):
        yield from _row_by_row(name, (2, *singles[0].shape[1:]), found, singles)


def _row_by_row(name: str, wanted: tuple[int, ...], found: Array, singles: Sequence[Array]) -> Iterator[str]:
    if found.shape != wanted:
        yield (
            f"{name}: 2 clips give {list(found.shape)}, not {list(wanted)}: a squeeze was traced with a batch of 1"
        )
        return
    alone = np.concatenate([single.reshape(1, *wanted[1:]) for single in singles])
    apart = float(np.abs(found - alone).max())
    if not apart <= TOLERANCE * max(1.0, float(np.abs(alone).max())):
        yield f"{name}: a clip's answer changes by {apart:.3g} with its neighbour in the batch"


def _length(examined: _Examined) -> Iterator[str]:
    """Half as many frames again must run, keep the shape of the answers, and be heard."""
    if 3 not in examined.dynamic:
        return
    *front, frames = examined.contract.inputs[0].shape
    more = frames * 3 // 2
    long = np.random.default_rng(SEED).standard_normal((*front, more)).astype(np.float32)
    other_end = long.copy()
    other_end[..., frames:] = 0
    try:
        usual, outputs, changed = (examined.run(x) for x in (long[..., :frames], long, other_end))
    except ModelError as e:
        yield f"{more} frames fail: {FIXED_POOLING} ({e})"
        return
    for value, found, before in zip(examined.model.graph.output, outputs, usual, strict=True):
        if found.shape != before.shape:
            yield f"{value.name}: {more} frames give {list(found.shape)}, not {list(before.shape)}"
    if all(np.array_equal(a, b) for a, b in zip(outputs, changed, strict=True)):
        yield f"what comes after frame {frames} changes nothing: {FIXED_POOLING}"

"""How much disk the tensors of a comparison take, reckoned from shapes before one is written."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import ModelError, UsageError

_HEADER_BYTES = 512
"""What a dump or an archive adds to each tensor, at most."""


@dataclass(frozen=True, kw_only=True)
class TensorSizes:
    """Of one clip, as float32: how many layers, their bytes, and how many have no stated shape."""

    layers: int
    size_bytes: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class Need:
    """`size_bytes` below `folder`, of which the file system has `free_bytes`; `cure` makes it less."""

    what: str
    folder: Path
    size_bytes: int
    free_bytes: int
    cure: str

    @property
    def enough(self) -> bool:
        """Whether it fits."""
        return self.size_bytes <= self.free_bytes


def tensor_sizes(onnx_path: Path) -> TensorSizes:
    """Every node's outputs, by ONNX shape inference; nothing is run. Raises ModelError."""
    import onnx
    from onnx import shape_inference

    try:
        graph = shape_inference.infer_shapes(onnx.load_model(str(onnx_path))).graph
    except Exception as e:  # protobuf raises its own, differing between its two backends
        raise ModelError(f"{onnx_path}: its shapes cannot be inferred ({e})") from e
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.value_info, *graph.output)}
    names = [name for node in graph.node if node.op_type != "Constant" for name in node.output if name]
    sizes = [math.prod(dim.dim_value for dim in shapes[name]) for name in names if name in shapes]
    known = [size for size in sizes if size > 0]
    return TensorSizes(
        layers=len(names),
        size_bytes=4 * sum(known) + _HEADER_BYTES * len(names),
        unknown=len(names) - len(known),
    )


def needs(
    sizes: TensorSizes, *, dumping: int, dump_folder: Path, clips: int, keep: Path | None, kept: int
) -> tuple[Need, ...]:
    """What is written: `dumping` dumps of one clip at once, and, if wanted, `kept` tensors a layer of every clip.

    Raises UsageError for a folder that cannot be asked.
    """
    found = []
    if dumping:
        found.append(
            Need(
                what=f"{dumping} dumps of {sizes.layers} layers, one clip at a time",
                folder=dump_folder,
                size_bytes=dumping * sizes.size_bytes,
                free_bytes=_free(dump_folder),
                cure="set TMPDIR to a file system with more room",
            )
        )
    if keep is not None:
        found.append(
            Need(
                what=f"{kept} tensors of {sizes.layers} layers of {clips} clips",
                folder=keep,
                size_bytes=kept * clips * sizes.size_bytes,
                free_bytes=_free(keep),
                cure="fewer --layer-clips, or --keep-tensors on a file system with more room",
            )
        )
    return tuple(found)


def check(wanted: Sequence[Need]) -> None:
    """Raise UsageError for the first that does not fit, or whose sum on one file system does not."""
    taken: dict[int, int] = {}
    for need in wanted:
        device = _existing(need.folder).stat().st_dev
        taken[device] = taken.get(device, 0) + need.size_bytes
        if taken[device] > need.free_bytes:
            raise UsageError(
                f"{need.what} need {shown(taken[device])} in {need.folder}; {shown(need.free_bytes)} are free",
                hint=need.cure,
            )


def shown(size_bytes: int) -> str:
    """`105.4 MB`: decimal units."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _free(folder: Path) -> int:
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there already."""
    for candidate in (folder.absolute(), *folder.absolute().parents):
        if candidate.is_dir():
            return candidate
    raise UsageError(f"{folder} has no folder above it")

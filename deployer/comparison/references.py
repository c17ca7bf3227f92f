"""A user's own reference tensors, from files of many kinds, as a stage to compare with."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from board_runner.contract import Array, TensorSpec
from board_runner.errors import InputError, UsageError
from board_runner.integer import container
from board_runner.integer.engine import OfflineEngine
from deployer.comparison import layouts, printed
from deployer.comparison.compare import StageOutputs
from deployer.comparison.layouts import Layout
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import dumps

STAGE = "reference"
DUMP_DECIMALS = 6
"""What the simulators print: values are known to half of 1e-6."""

_SUFFIXES = (".npy", ".npz", ".txt", ".csv", ".log", ".out")
_INPUT_SUFFIXES = (".npy", ".bin", ".raw", ".wav", "")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One tensor of a file; `name` as the file has it, `rounding` the half unit to which it was printed."""

    name: str | None
    values: Array
    rounding: float = 0.0


@dataclass(frozen=True, kw_only=True)
class References:
    """Clip -> output name -> tensor in the model's shape.

    `notes` say what was done to bring them there, and how exact they are; `rounding` is the largest half unit of
    a last printed place, 0 where everything is exact.
    """

    source: str
    outputs: Mapping[str, Mapping[str, Array]]
    notes: tuple[str, ...] = ()
    rounding: float = 0.0

    def as_stage(self) -> StageOutputs:
        """The same for a comparison, under the name `reference`."""
        detail = "; ".join((f"{self.source}, {len(self.outputs)} clips", *self.notes))
        return StageOutputs(stage=STAGE, detail=detail, outputs=self.outputs)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a reference is read for: the clips, the model's outputs, and what a file cannot say of itself."""

    clips: Sequence[str]
    outputs: Sequence[TensorSpec]
    scales: Mapping[str, float] = field(default_factory=dict)
    layout: Layout | None = None


def load(path: Path, wanted: Wanted) -> References:
    """Read a file, or a folder of files named after clips.

    Raises InputError with the file's name for what cannot be read or belongs to no clip, UsageError with both
    shapes for a tensor that does not fit the model's output.
    """
    if path.is_dir():
        return _folder(path, wanted)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder")
    found = read(path)
    by_clip = _by_clip(path, found, wanted)
    return _joined(path.name, [_fitted(path.name, clip, some, wanted) for clip, some in by_clip.items()])


def scales_of(image: Path) -> dict[str, float]:
    """Output -> what an int16 level is worth, from an image of ours; empty for another maker's."""
    if not container.is_image(image):
        return {}
    return {name: float(scale) for name, scale in OfflineEngine.load(image).output_scales.items()}


def read(path: Path) -> list[Found]:
    """Every tensor of one file: `.npy`, `.npz`, or a text of any known kind. Raises InputError."""
    if path.suffix in (".pt", ".pth"):
        raise InputError(
            f"{path}: PyTorch's own files are not read", hint="np.save(x.detach().cpu().numpy())"
        )
    try:
        if path.suffix in (".npy", ".npz"):
            with path.open("rb") as file:
                return _arrays(np.load(file, allow_pickle=False))
        return _text(path.read_bytes())
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as e:
        raise InputError(f"{path}: cannot be read: {e}", hint="np.save, np.savez or a text of numbers") from e
    except (InputError, ToolchainError) as e:
        raise InputError(f"{path}: {e}", hint=e.hint) from e


def _arrays(loaded: Any) -> list[Found]:
    if isinstance(loaded, np.ndarray):
        return [Found(name=None, values=_number_array(loaded))]
    return [Found(name=name, values=_number_array(loaded[name])) for name in loaded.files]


def _text(content: bytes) -> list[Found]:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # what `>` of Windows PowerShell writes
    text = content.decode("utf-16" if utf16 else "utf-8-sig")
    if re.search(r" Tensor:\s*\{", text) or '"image_id"' in text:
        half = 0.5 * 10.0**-DUMP_DECIMALS
        return [Found(name=dumped.name, values=dumped.values, rounding=half) for dumped in dumps.parse(text)]
    tensors = printed.bracketed(text) if printed.is_bracketed(text) else [printed.columns(text)]
    return [Found(name=one.name, values=one.values, rounding=one.rounding) for one in tensors]


def _number_array(value: Array) -> Array:
    if value.dtype.kind not in "fiu":
        raise InputError(f"holds {value.dtype}, not numbers that can be compared")
    return value


def _folder(path: Path, wanted: Wanted) -> References:
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and entry.suffix in _SUFFIXES)
    claimed: dict[str, Path] = {}
    left_out = 0
    for entry in files:
        clip = clip_of(entry.name, wanted.clips)
        if clip is None:
            left_out += 1
        elif clip in claimed:
            raise InputError(f"{path}: {claimed[clip].name} and {entry.name} are both of {clip}")
        else:
            claimed[clip] = entry
    if not claimed:
        raise InputError(
            f"{path}: none of its {len(files)} files is named after a clip",
            hint=f"name them {PurePath(wanted.clips[0]).stem}.npy and so on" if wanted.clips else "",
        )
    parts = [_fitted(entry.name, clip, read(entry), wanted) for clip, entry in claimed.items()]
    whole = _joined(f"{path.name}/", parts)
    if left_out:
        whole = replace(whole, notes=(*whole.notes, f"{left_out} files belong to no clip and were left out"))
    return whole


def clip_of(name: str, clips: Sequence[str]) -> str | None:
    """The clip that a file is named after, also within a simulator's `unknown_MODEL_INPUT.txt`."""
    suffix = PurePath(name).suffix
    stem = name.removesuffix(suffix) if suffix in _SUFFIXES else name
    for clip in clips:
        titles = {clip, PurePath(clip).stem}
        if stem in titles:
            return clip
        ends = [f"_{title}{ending}" for title in titles for ending in _INPUT_SUFFIXES]
        if stem.startswith("unknown_") and stem.endswith(tuple(ends)):
            return clip
    return None


def _by_clip(path: Path, found: Sequence[Found], wanted: Wanted) -> dict[str, list[Found]]:
    """Keys that name clips (`CLIP` or `CLIP/OUTPUT`) divide a file; else it is all of one clip."""
    divided: dict[str, list[Found]] = {}
    for one in found:
        title, _, output = (one.name or "").partition("/")
        clip = clip_of(title, wanted.clips)
        if clip is not None:
            divided.setdefault(clip, []).append(replace(one, name=output or None))
    if divided:
        if sum(map(len, divided.values())) != len(found):
            raise InputError(f"{path}: some of its tensors are named after clips, others are not")
        return divided
    clip = clip_of(path.name, wanted.clips)
    if clip is None and len(wanted.clips) == 1:
        clip = wanted.clips[0]
    if clip is None:
        raise InputError(
            f"{path}: which of the {len(wanted.clips)} clips it belongs to is not said",
            hint="name the file after the clip, use an .npz with a key a clip, or a folder with a file a clip",
        )
    return {clip: list(found)}


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One clip's tensors in the model's shapes."""

    clip: str
    tensors: Mapping[str, Array]
    notes: tuple[str, ...]
    rounding: float


def _fitted(source: str, clip: str, found: Sequence[Found], wanted: Wanted) -> _Part:
    tensors: dict[str, Array] = {}
    notes: list[str] = []
    for spec, one in _named(source, found, wanted.outputs):
        target = np.empty(spec.shape, np.dtype(spec.dtype))
        try:
            fit = layouts.aligned(
                one.values,
                target,
                scale=wanted.scales.get(spec.name),
                layout=wanted.layout if target.ndim == 4 else None,
            )
        except UsageError as e:
            raise UsageError(f"{source}, output {spec.name!r}: {e}", hint=e.hint) from e
        tensors[spec.name] = fit.tensor
        if fit.note != "as given":
            notes.append(f"{spec.name}: {fit.note}")
    rounding = max((one.rounding for one in found), default=0.0)
    return _Part(clip=clip, tensors=tensors, notes=tuple(notes), rounding=rounding)


def _named(
    source: str, found: Sequence[Found], outputs: Sequence[TensorSpec]
) -> Iterator[tuple[TensorSpec, Found]]:
    """Each tensor with the output it is: by name, or in the model's order where there are as many."""
    by_name = {spec.name: spec for spec in outputs}
    names = [one.name for one in found]
    if len(set(names) - {None}) == len(names) and set(names) <= set(by_name):
        yield from ((by_name[one.name or ""], one) for one in found)
    elif len(found) == len(outputs) and (len(outputs) == 1 or not any(names)):
        yield from zip(outputs, found, strict=True)
    else:
        raise InputError(
            f"{source}: holds {_listed(names)}; the model's outputs are {_listed(list(by_name))}",
            hint="name the tensors as the model's outputs are named",
        )


def _listed(names: Sequence[str | None]) -> str:
    return f"{len(names)} tensors" if not any(names) else ", ".join(str(name) for name in names)


def _joined(source: str, parts: Sequence[_Part]) -> References:
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    rounding = max((part.rounding for part in parts), default=0.0)
    if rounding:
        notes.append(_precision(parts, rounding))
    return References(
        source=source,
        outputs={part.clip: part.tensors for part in sorted(parts, key=lambda part: part.clip)},
        notes=tuple(notes),
        rounding=rounding,
    )


def _precision(parts: Sequence[_Part], rounding: float) -> str:
    """What the rounding of a print alone can do to the figures."""
    ratios = [
        rounding * value.size / total
        for part in parts
        for value in part.tensors.values()
        if 0 < (total := float(np.abs(value.astype(np.float64)).sum())) < np.inf
    ]
    worst = f", which alone can make an RMSE of {max(ratios):.2g}" if ratios else ""
    return f"printed values, known to within {rounding:.2g} only{worst}"

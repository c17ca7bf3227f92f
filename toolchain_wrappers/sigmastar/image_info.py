"""What the vendor's `DumpDebug/show_img_info.py` prints of an image."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar.console import plain

_VERSION = re.compile(r"Offline IMG Version:\s*(?P<value>\S+)")
_TENSOR = re.compile(r"^\s*(?P<kind>Input|Output)\(\d+\):")
_FIELD = re.compile(r"^\s*(?P<key>name|dtype|shape):\s*(?P<value>.+?)\s*$")
_CLASS = re.compile(r"<class 'numpy\.(\w+)'>")


@dataclass(frozen=True, kw_only=True)
class ImageTensor:
    """One input or output in the tool's own words; the shape is empty where it was not said."""

    name: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)} {self.dtype}".rstrip()


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """An image's SDK version (empty where it was not said) and tensors."""

    version: str = ""
    inputs: tuple[ImageTensor, ...] = field(default=())
    outputs: tuple[ImageTensor, ...] = field(default=())

    def __str__(self) -> str:
        tensors = f"{_listed(self.inputs)} -> {_listed(self.outputs)}"
        return f"{self.version}: {tensors}" if self.version else tensors


def parse(text: str) -> ImageInfo:
    """Read what was printed, other lines in between aside. Raises ToolchainError where no input is told."""
    found: dict[str, list[dict[str, str]]] = {"Input": [], "Output": []}
    version = ""
    now: dict[str, str] | None = None
    for line in map(plain, text.splitlines()):
        if said := _VERSION.search(line):
            version = said["value"]
        elif head := _TENSOR.match(line):
            now = {}
            found[head["kind"]].append(now)
        elif now is not None and (entry := _FIELD.match(line)):
            now.setdefault(entry["key"], entry["value"])
    if not found["Input"]:
        raise ToolchainError("show_img_info.py named no input of the image")
    inputs, outputs = (tuple(_tensor(fields) for fields in found[kind]) for kind in ("Input", "Output"))
    return ImageInfo(version=version, inputs=inputs, outputs=outputs)


def _tensor(fields: dict[str, str]) -> ImageTensor:
    dtype = fields.get("dtype", "")
    named = _CLASS.search(dtype)
    return ImageTensor(
        name=fields.get("name", ""),
        shape=tuple(int(size) for size in re.findall(r"\d+", fields.get("shape", ""))),
        dtype=named[1] if named else dtype,
    )


def _listed(tensors: tuple[ImageTensor, ...]) -> str:
    return ", ".join(str(tensor) for tensor in tensors)

"""The lines in which the vendor's tools tell of layers compared: read, and written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from toolchain_wrappers.errors import ToolchainError

NAME_WIDTH, OP_WIDTH = 40, 12

_FIGURES = r"\s*MSE:\s*(?P<mse>\S+)\s+COS:\s*(?P<cosine>\S+)\s+RMSE:\s*(?P<rmse>\S+)\s*$"
_LISTED = re.compile(r"^\s*(?P<name>\S.*?)\s*OP_TYPE:\s*(?P<op>.+?)" + _FIGURES)
_SINGLE = re.compile(r"^\s*(?P<name>)OP:\s*(?P<op>\S+)\s+Type:\s*\S+(?:\s*<<.*?>>)?" + _FIGURES)
_NAME = re.compile(r"^(?P<index>\d+)\.(?P<tensor>.+?)(?:\.xx)?\.output(?P<output>\d+)$")
_REFUSED = re.compile(r"^\s*Error! (?P<why>file1 sample .*)$")


@dataclass(frozen=True, kw_only=True)
class LayerLine:
    """One layer as the vendor's comparison states it; None for `nan`, which it prints for tensors of zeros.

    `index` is the operator's number and `tensor` its name with `/` as `_`, where the line has them.
    """

    name: str
    op: str
    mse: float | None
    cosine: float | None
    rmse: float | None

    @property
    def index(self) -> int | None:
        """The operator's number."""
        match = _NAME.match(self.name)
        return int(match["index"]) if match else None

    @property
    def tensor(self) -> str:
        """The tensor's name as the vendor writes it in file names."""
        match = _NAME.match(self.name)
        return match["tensor"] if match else self.name


def parse(text: str) -> list[LayerLine]:
    """Every layer's line, among whatever else was printed; a long OP_TYPE may be glued to `MSE:`.

    Raises ToolchainError when there is none, with the tool's own words when it refused a pair of tensors.
    """
    lines = text.splitlines()
    found = [_line(match) for line in lines if (match := _LISTED.match(line) or _SINGLE.match(line))]
    if not found:
        refused = next((match["why"] for line in lines if (match := _REFUSED.match(line))), None)
        raise ToolchainError(refused or "no line of a comparison by layers in it")
    return found


def text(layers: Iterable[LayerLine]) -> str:
    """The same form: the name padded, the operator padded to OP_WIDTH, glued to what follows when it is longer."""
    listed = list(layers)
    width = max((NAME_WIDTH, *(len(layer.name) + 2 for layer in listed)))
    return "".join(
        f"{layer.name:<{width}}OP_TYPE:{layer.op:<{OP_WIDTH}}MSE:{_shown(layer.mse)}    "
        f"COS:{_shown(layer.cosine)}    RMSE:{_shown(layer.rmse)}\n"
        for layer in listed
    )


def line_name(index: int, tensor: str) -> str:
    """`3.conv1.xx.output0`: number, tensor without `/` and `:`, as the vendor names its files."""
    return f"{index}.{tensor.replace('/', '_').replace(':', '')}.xx.output0"


def _line(match: re.Match[str]) -> LayerLine:
    return LayerLine(
        name=match["name"].strip(),
        op=match["op"].strip(),
        mse=_number(match["mse"]),
        cosine=_number(match["cosine"]),
        rmse=_number(match["rmse"]),
    )


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError as e:
        raise ToolchainError(f"{word!r} in a line of layers is no number") from e
    return value if math.isfinite(value) else None


def _shown(value: float | None) -> str:
    return "nan" if value is None else f"{value:.6f}"

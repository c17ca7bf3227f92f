"""The sizes of a keyword-spotting network, and the strings of whole numbers that state them.

CNN:     channels, kernel height and width, stride height and width; the same of the second convolution;
         width of the linear layer; width of the fully connected layer.
DS-CNN:  number of layers; for each channels, kernel height and width, stride height and width.
The six presets are those of "Hello Edge" (arXiv 1711.07128).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from board_runner.errors import ModelError

PRESETS = {
    "CNN-S": "28 10 4 1 1 30 10 4 2 1 16 128",
    "CNN-M": "64 10 4 1 1 48 10 4 2 1 16 128",
    "CNN-L": "60 10 4 1 1 76 10 4 2 1 58 128",
    "DS-CNN-S": "5 64 10 4 2 2" + " 64 3 3 1 1" * 4,
    "DS-CNN-M": "5 172 10 4 2 1 172 3 3 2 2" + " 172 3 3 1 1" * 3,
    "DS-CNN-L": "6 276 10 4 2 1 276 3 3 2 2" + " 276 3 3 1 1" * 4,
}


@dataclass(frozen=True, kw_only=True)
class Filters:
    """One layer of filters: kernel and stride as (along time, along coefficients)."""

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class KwsShape:
    """A network: its layers of filters, the widths of a CNN's two dense layers, its input and its classes.

    A DS-CNN has no dense layers of its own: `dense` is None. `features` is (frames, coefficients).
    """

    filters: tuple[Filters, ...]
    dense: tuple[int, int] | None
    features: tuple[int, int] = (49, 10)
    classes: int = 12

    @property
    def separable(self) -> bool:
        """Whether this is a DS-CNN."""
        return self.dense is None

    def sizes(self) -> list[tuple[int, int]]:
        """The plane after each layer of filters; raises ModelError where nothing is left of it."""
        plane, planes = self.features, []
        for layer in self.filters:
            plane = (self._along(0, plane, layer), self._along(1, plane, layer))
            if min(plane) < 1:
                raise ModelError(
                    f"a kernel of {layer.kernel} does not fit on what the layers before it leave"
                )
            planes.append(plane)
        return planes

    def _along(self, axis: int, plane: tuple[int, int], layer: Filters) -> int:
        n, k, s = plane[axis], layer.kernel[axis], layer.stride[axis]
        return -(-n // s) if self.separable else (n - k) // s + 1


def parse(text: str, *, features: tuple[int, int] = (49, 10), classes: int = 12) -> KwsShape:
    """The network that a preset's name (`DS-CNN-S`) or a string of sizes states.

    Twelve numbers are a CNN's, a count and five numbers for each layer a DS-CNN's. Raises ModelError.
    """
    sizes = _numbers(PRESETS.get(text.strip().upper(), text))
    if classes < 2:
        raise ModelError(f"keyword spotting of {classes} classes: must be at least 2")
    if len(sizes) == 12:
        shape = KwsShape(
            filters=_filters(sizes[:10]), dense=(sizes[10], sizes[11]), features=features, classes=classes
        )
    elif len(sizes) > 5 and len(sizes) == 1 + 5 * sizes[0]:
        shape = KwsShape(filters=_filters(sizes[1:]), dense=None, features=features, classes=classes)
    else:
        raise ModelError(
            f"{len(sizes)} sizes make no keyword-spotting network: {text!r}",
            hint=f"twelve make a CNN, 1 + 5 for each layer a DS-CNN; or one of {', '.join(PRESETS)}",
        )
    shape.sizes()
    return shape


def _numbers(text: str) -> list[int]:
    words = text.replace(",", " ").split()
    if not words or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise ModelError(
            f"{text!r} is no string of sizes", hint=f"whole numbers above 0, or one of {', '.join(PRESETS)}"
        )
    return [int(word) for word in words]


def _filters(sizes: Sequence[int]) -> tuple[Filters, ...]:
    rows = [sizes[i : i + 5] for i in range(0, len(sizes), 5)]
    return tuple(Filters(channels=c, kernel=(kh, kw), stride=(sh, sw)) for c, kh, kw, sh, sw in rows)

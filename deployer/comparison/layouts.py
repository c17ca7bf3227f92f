"""Bring one tensor into another's layout, or refuse with both shapes: axes, padding, levels, flat data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from board_runner.contract import Array
from board_runner.errors import UsageError

Layout = Literal["same", "nhwc->nchw", "nchw->nhwc"]
"""From the candidate's order of axes to the reference's."""

ALIGNMENT = 8
"""Values to which the IPU rounds the innermost axis up, as its tensor headers show (255 stored as 256)."""

_AXES: dict[Layout, tuple[int, ...]] = {
    "same": (0, 1, 2, 3),
    "nhwc->nchw": (0, 3, 1, 2),
    "nchw->nhwc": (0, 2, 3, 1),
}
_SAID = {"nhwc->nchw": "NHWC turned into NCHW", "nchw->nhwc": "NCHW turned into NHWC"}


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """A tensor of the reference's shape, and in `note` what was done to it, for the user."""

    tensor: Array
    note: str


@dataclass(frozen=True, kw_only=True)
class _Way:
    """One way to read the candidate: its `stored` shape, cut to `shape`, then turned by `layout`."""

    layout: Layout
    stored: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def padded(self) -> bool:
        return self.stored != self.shape


def aligned(
    candidate: Array,
    reference: Array,
    *,
    scale: float | None = None,
    layout: Layout | None = None,
    alignment: int | None = None,
) -> Aligned:
    """`candidate` in the shape and order of `reference`, as float where the reference is float.

    Integer levels against floats are multiplied by `scale`. `layout` states the turn of a 4-D tensor; unstated,
    equal shapes are taken as they are, and others are turned only where one way alone fits. The last axis is cut
    when it is the reference's rounded up to `alignment` (unstated: to 8, for 4-D alone). A leading axis
    of 1 is dropped or added; flat data are shaped in row-major order, as a picture only with `layout`.

    Raises UsageError with both shapes when no way or more than one leads there, and for levels without a scale.
    """
    values, said = _dequantised(candidate, reference, scale)
    way = _choose(values.shape, reference.shape, layout, alignment)
    if way is None:
        raise _refusal(candidate, reference, "they differ by more than layout, padding and flattening")
    said += _told(values.shape, reference.shape, way, stated=layout is not None)
    cut = values.reshape(way.stored)[tuple(slice(size) for size in way.shape)]
    turned = cut.transpose(_AXES[way.layout]) if way.layout != "same" else cut
    tensor = np.ascontiguousarray(turned).reshape(reference.shape)
    return Aligned(tensor=tensor, note="; ".join(said) if said else "as given")


def _dequantised(candidate: Array, reference: Array, scale: float | None) -> tuple[Array, list[str]]:
    levels, wanted = candidate.dtype.kind, reference.dtype.kind
    if wanted in "iu" and levels == "f":
        raise UsageError(
            f"the reference holds {reference.dtype} levels {list(reference.shape)}, "
            f"the other {candidate.dtype} {list(candidate.shape)}",
            hint="multiply the reference by the output's scale first",
        )
    if levels not in "iu" or wanted in "iu":
        return candidate, []
    if scale is None or not (math.isfinite(scale) and scale > 0):
        raise UsageError(
            f"{candidate.dtype} levels {list(candidate.shape)} against {reference.dtype} "
            f"{list(reference.shape)}: no scale is known to multiply them by",
            hint="state the output's scale, or give dequantised values",
        )
    if levels == "u" or candidate.dtype.itemsize > 2:
        raise UsageError(
            f"{candidate.dtype} levels {list(candidate.shape)}: a scale alone does not give their values",
            hint="outputs of the IPU are int16 and symmetric; give other values as floats",
        )
    # Levels times scale in float32, as the simulator and every stage of ours do it.
    return candidate.astype(np.float32) * np.float32(scale), [f"{candidate.dtype} levels times {scale:g}"]


def _choose(
    have: tuple[int, ...], want: tuple[int, ...], layout: Layout | None, alignment: int | None
) -> _Way | None:
    ways = list(_ways(have, want, layout, alignment))
    as_it_is = [way for way in ways if way.layout == "same" and not way.padded]
    if layout is None and as_it_is and _order_matters(have, want):
        raise UsageError(
            f"shapes {list(have)} and {list(want)}: one is flat, and nothing says in which order its axes were",
            hint="give it in its shape, or state the layout",
        )
    for some in (as_it_is, [way for way in ways if not way.padded], ways):
        if len(some) > 1:
            raise UsageError(
                f"shapes {list(have)} and {list(want)} fit in more than one way: "
                f"{' or '.join(_SAID.get(way.layout, 'as it is') for way in some)}",
                hint="state the layout",
            )
        if some:
            return some[0]
    return None


def _ways(
    have: tuple[int, ...], want: tuple[int, ...], layout: Layout | None, alignment: int | None
) -> Iterator[_Way]:
    # Unstated, only a picture is taken for padded: 56 scores against 50 are rather another model's.
    block = alignment or (ALIGNMENT if _is_picture(have) else 1)
    target = _of_rank(want, 4) if _is_picture(have) or _is_picture(want) else want
    names: Sequence[Layout] = ("same",)
    if len(target) == 4:
        names = tuple(_AXES) if layout is None else (layout,)
    elif layout not in (None, "same"):
        return
    for name in names:
        shape = _before(target, name) if len(target) == 4 else target
        last = -(-shape[-1] // block) * block if shape else 1
        stored = (*shape[:-1], last) if shape else shape
        if _same(have, shape):
            yield _Way(layout=name, stored=shape, shape=shape)
        elif stored != shape and _same(have, stored):
            yield _Way(layout=name, stored=stored, shape=shape)


def _same(have: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Equal but for leading axes of 1, or of one count with one of them flat."""
    if _stripped(have) == _stripped(shape):
        return True
    return math.prod(have) == math.prod(shape) and (_is_flat(have) or _is_flat(shape))


def _order_matters(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    """Flat against a picture of more than one channel and more than one place."""
    flat, other = (have, want) if _is_flat(have) else (want, have)
    return _is_flat(flat) and _is_picture(other) and sum(size > 1 for size in _of_rank(other, 4)[1:]) > 1


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4


def _is_flat(shape: tuple[int, ...]) -> bool:
    return sum(size != 1 for size in shape) <= 1


def _stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    ones = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return shape[ones:]


def _of_rank(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(shape)) + shape


def _before(target: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    """The shape that `layout` turns into `target`."""
    shape = [0] * 4
    for position, axis in enumerate(_AXES[layout]):
        shape[axis] = target[position]
    return tuple(shape)


def _told(have: tuple[int, ...], want: tuple[int, ...], way: _Way, *, stated: bool) -> list[str]:
    said = []
    if way.padded:
        said.append(f"last axis cut from {way.stored[-1]} to {way.shape[-1]}")
    if way.layout != "same":
        said.append(_SAID[way.layout])
    elif not stated and _is_picture(want) and have == want and len(set(want[1:])) == 1 and want[-1] > 1:
        said.append("as given: height, width and channels are equal, so the shape cannot tell the layout")
    if _stripped(have) != _stripped(way.stored):
        said.append(f"{list(have)} taken as {list(way.stored if _is_flat(have) else want)}, row by row")
    elif len(have) != len(want):
        said.append(f"leading axes of 1 {'dropped' if len(have) > len(want) else 'added'}")
    return said


def _refusal(candidate: Array, reference: Array, why: str) -> UsageError:
    return UsageError(
        f"shapes differ: {list(candidate.shape)} against {list(reference.shape)}: {why}",
        hint="NHWC against NCHW, a last axis padded to 8 and a batch of 1 are seen by themselves; another padding "
        "must be stated; are both the same output?",
    )

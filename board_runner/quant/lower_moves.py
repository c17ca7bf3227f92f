"""Operators that move elements; the scale stays, or becomes that of the whole."""

from __future__ import annotations

import math

import numpy as np

from board_runner.errors import ModelError
from board_runner.quant.lower_products import window
from board_runner.quant.sites import Sites, at_scale, refuse


def concat(site: Sites) -> int:
    """Every part at the scale of the whole."""
    parts = [at_scale(site, i) for i in range(len(site.node.inputs))]
    axis = int(site.node.attributes["axis"]) % len(site.shape(0))
    return site.emit("concat", *parts, ints={"axis": (axis,)})


def pad(site: Sites) -> int:
    """Reflecting, or zeros."""
    pads, rank = [int(p) for p in site.constant(1)], len(site.shape(0))
    mode = site.node.attributes.get("mode", "constant")
    if len(pads) != 2 * rank or len(site.node.inputs) > 2 or mode not in ("reflect", "constant"):
        raise ModelError(f"{site.node.name}: Pad other than reflecting or with zeros has no integer form")
    ints = {"begins": tuple(pads[:rank]), "ends": tuple(pads[rank:]), "mode": (int(mode == "reflect"),)}
    return site.emit("pad", at_scale(site, 0), ints=ints)


def reshape(site: Sites) -> int:
    """Any operator that only changes the shape."""
    source = at_scale(site, 0)
    old, op, node = site.shape(0), site.node.op_type, site.node
    view = np.broadcast_to(np.int8(0), old)
    if op == "Identity":
        return source
    if op == "Reshape":
        asked = [old[i] if size == 0 else int(size) for i, size in enumerate(site.constant(1))]
        known = math.prod(size for size in asked if size > 0)
        shape = tuple(math.prod(old) // known if size == -1 else size for size in asked)
    elif op == "Flatten":
        axis = int(node.attributes.get("axis", 1)) % (len(old) + 1)
        shape = (math.prod(old[:axis]), math.prod(old[axis:]))
    else:
        axes = tuple(int(a) for a in site.constant(1).ravel()) if len(node.inputs) > 1 else None
        shape = (np.squeeze(view, axes) if op == "Squeeze" else np.expand_dims(view, axes or ())).shape
    return site.emit("reshape", source, ints={"shape": shape})


def transpose(site: Sites) -> int:
    """Axes in another order."""
    perm = site.node.attributes.get("perm", list(range(len(site.shape(0))))[::-1])
    return site.emit("transpose", at_scale(site, 0), ints={"perm": tuple(int(p) for p in perm)})


def gather(site: Sites) -> int:
    """One slice of one axis."""
    index, shape = site.constant(1), site.shape(0)
    if index.shape != ():
        raise ModelError(f"{site.node.name}: Gather of more than one slice has no integer form")
    axis = int(site.node.attributes.get("axis", 0)) % len(shape)
    ints = {"axis": (axis,), "index": (int(index) % shape[axis],)}
    return site.emit("take", at_scale(site, 0), ints=ints)


def cut(site: Sites) -> int:
    """Slice with constant places, forwards."""
    shape, count = site.shape(0), len(site.node.inputs)
    starts, ends = site.constant(1).ravel(), site.constant(2).ravel()
    axes = site.constant(3).ravel() if count > 3 and site.node.inputs[3] else np.arange(len(starts))
    steps = site.constant(4).ravel() if count > 4 else np.ones(len(starts), np.int64)
    places = [(0, size, 1) for size in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise refuse(site, "Slice backwards")
        size = shape[int(axis)]
        begin, stop, by = slice(int(start), int(end), int(step)).indices(size)
        places[int(axis)] = (begin, max(begin, stop), by)
    begins, stops, each = zip(*places, strict=True)
    return site.emit("slice", at_scale(site, 0), ints={"begins": begins, "ends": stops, "steps": each})


def max_pool(site: Sites) -> int:
    """The largest of each window."""
    kernel = tuple(int(k) for k in site.node.attributes["kernel_shape"])
    return site.emit("maxpool", at_scale(site, 0), ints={"kernel": kernel, **window(site, kernel)})

"""The constants of instructions, checked against the bounds of `docs/arithmetic.md`; for every realisation."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.integer import opset
from board_runner.integer.program import Instruction
from board_runner.integer.requant import FLOAT_LIMIT, INT_LIMIT, MAX_MULTIPLIER, MAX_SHIFT

MAX_SOFTMAX = 1 << 20
MAX_NORM = 1024
MAX_DIVISOR_SHIFT = 45
SYMMETRIC = {"int8": 127, "int16": 32767}


def tensor(instruction: Instruction, name: str, dtype: str, shape: tuple[int, ...]) -> Array:
    """Constant `name`; raises ModelError where its type or shape is another."""
    value = instruction.tensors.get(name)
    if value is None or value.dtype != dtype or value.shape != shape:
        raise ModelError(f"instruction {instruction.op!r} wants {name} as {dtype}{list(shape)}")
    return value


def integer(instruction: Instruction, name: str, low: int, high: int) -> tuple[int, ...]:
    """Constant `name`: integers from `low` to `high`, as many as the instruction has; raises ModelError."""
    values = instruction.ints.get(name, ())
    if len(values) != opset.OPS[instruction.op].ints[name]:
        raise ModelError(f"instruction {instruction.op!r} lacks {name}")
    if not all(low <= value <= high for value in values):
        raise ModelError(f"instruction {instruction.op!r} wants {name} within {low}..{high}")
    return values


def rescale(instruction: Instruction) -> list[tuple[int, int]]:
    """Pairs of multiplier and shift."""
    least = -MAX_MULTIPLIER if opset.OPS[instruction.op].signed else 0
    multipliers = integer(instruction, "multiplier", least, MAX_MULTIPLIER)
    shifts = integer(instruction, "shift", 1, MAX_SHIFT)
    return list(zip(multipliers, shifts, strict=True))


def sum_constants(instruction: Instruction) -> tuple[int, int, int]:
    """M0, M1 and s of an addition, whose sums stay below 2^53."""
    m, n = integer(instruction, "multiplier", -MAX_MULTIPLIER, MAX_MULTIPLIER)
    (s,) = integer(instruction, "shift", 1, MAX_SHIFT)
    if 32768 * (abs(m) + abs(n)) + (1 << (s - 1)) >= FLOAT_LIMIT:
        raise ModelError("an addition whose sums pass 2^53")
    return m, n, s


def limits(instruction: Instruction) -> tuple[int, int, int, int, int]:
    """M, s, offset, low and high of a `clip`."""
    ((m, s),) = rescale(instruction)
    (offset,) = integer(instruction, "offset", -INT_LIMIT, INT_LIMIT)
    (low,), (high,) = (integer(instruction, name, -32768, 32767) for name in ("low", "high"))
    if (m << 15) + abs(offset) >= INT_LIMIT or low > high:
        raise ModelError("limits of a clip out of bounds")
    return m, s, offset, low, high


def total(instruction: Instruction, shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """M, s and the axes of a `sum` over an input of `shape`, whose requantisation stays below 2^62."""
    ((m, s),) = rescale(instruction)
    axes = tuple(axis for axis, flag in enumerate(instruction.ints["flags"]) if flag)
    count = math.prod(shape[axis] for axis in axes)
    if count < 1 or (count * m << 15) + (1 << (s - 1)) >= INT_LIMIT:
        raise ModelError("a sum of no elements, or one that passes 2^62")
    return m, s, axes


def quotient(instruction: Instruction) -> tuple[int, int]:
    """M and s of a `divide`, whose divisor takes s + 1 bits more."""
    ((m, s),) = rescale(instruction)
    if s > MAX_DIVISOR_SHIFT:
        raise ModelError(f"a division with a shift above {MAX_DIVISOR_SHIFT}")
    return m, s


def channels(instruction: Instruction, *, axis: int) -> tuple[Array, int]:
    """The weight, and S: the largest sum of abs(w) over an index of `axis`; with all that goes with them checked.

    Weights are symmetric: the most negative level does not occur, so that two int16 products fit 32 bits.
    """
    dtype = opset.OPS[instruction.op].tensors["weight"]
    weight = instruction.tensors["weight"]
    tensor(instruction, "weight", dtype, weight.shape)
    count = weight.shape[axis : axis + 1]
    offset = tensor(instruction, "offset", "int64", count)
    multiplier = tensor(instruction, "multiplier", "int32", count)
    shift = tensor(instruction, "shift", "int8", count)
    if weight.size and weight.min() < -SYMMETRIC[dtype]:
        raise ModelError(f"a weight below -{SYMMETRIC[dtype]}")
    others = tuple(a for a in range(weight.ndim) if a != axis)
    largest = int(np.abs(weight.astype(np.int64)).sum(axis=others).max(initial=0))
    if (255 * largest >= 1 << 31) if dtype == "int8" else (largest << 15 >= FLOAT_LIMIT):
        raise ModelError(f"sums of products that pass {'2^31' if dtype == 'int8' else '2^53'}")
    if not ((multiplier >= 0).all() and ((shift >= 1) & (shift <= MAX_SHIFT)).all()):
        raise ModelError("a multiplier or shift out of bounds")
    bound = largest << (8 if dtype == "int8" else 15)
    pairs = zip(multiplier.tolist(), offset.tolist(), strict=True)
    if any(bound * m + abs(o) >= INT_LIMIT for m, o in pairs):
        raise ModelError("a requantisation that passes 2^62")
    return weight, largest


def inner(shape: tuple[int, ...]) -> int:
    """The number of products in each sum of a matrix product; raises ModelError where sums pass 2^53."""
    if shape[-1] << 30 >= FLOAT_LIMIT:
        raise ModelError("a matrix product whose sums pass 2^53")
    return shape[-1]


def powers(instruction: Instruction, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The two tables of a softmax, 30 bits each, the first entry 1."""
    tables = tensor(instruction, "high", "int32", (256,)), tensor(instruction, "low", "int32", (256,))
    if any(part.min() < 0 or part.max() > 1 << 30 or part[0] != 1 << 30 for part in tables):
        raise ModelError("a table of softmax out of bounds")
    if shape == () or not 0 < shape[-1] < MAX_SOFTMAX:
        raise ModelError("softmax over an axis that is empty or longer than 2^20")
    return tables


def affine(instruction: Instruction, shape: tuple[int, ...]) -> tuple[Array, Array, int, int]:
    """Gain, offset, shift and epsilon of a layer normalisation over the last axis of `shape`."""
    count = shape[-1] if shape else 0
    if not 0 < count <= MAX_NORM:
        raise ModelError(f"layer normalisation over {count} elements, not 1 to {MAX_NORM}")
    gain = tensor(instruction, "gain", "int32", (count,))
    offset = tensor(instruction, "offset", "int64", (count,))
    (shift,) = integer(instruction, "shift", 1, 60)
    (epsilon,) = integer(instruction, "epsilon", 1, INT_LIMIT)
    sane = -(1 << 30) <= gain.min() and gain.max() <= 1 << 30
    sane = sane and -(1 << 61) < offset.min() and offset.max() < 1 << 61
    # sum(d d) is below n^3 2^30, since a variance of int16 is at most 2^30.
    if not sane or (count**3 << 30) + epsilon >= INT_LIMIT:
        raise ModelError("constants of a layer normalisation out of bounds")
    return gain, offset, shift, epsilon

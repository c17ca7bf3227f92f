"""One instruction through both realisations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from board_runner.contract import Array
from board_runner.integer import exact, kernels, opset, shapes
from board_runner.integer.program import Instruction, Value


def run(step: Instruction, xs: Sequence[Array], *, zero: int = 0, out_zero: int = 0) -> Array:
    """Both realisations, which must agree; constants get the types that the file has."""
    op = opset.OPS[step.op]
    step = replace(step, tensors={key: step.tensors[key].astype(kind) for key, kind in op.tensors.items()})
    inputs = [Value(dtype=x.dtype.name, shape=x.shape, zero=zero) for x in xs]
    output = Value(dtype=op.result, shape=shapes.infer(step, inputs), zero=out_zero)
    fast, plain = (
        module.prepare(step, inputs, output)(xs, np.full(output.shape, 99, output.dtype))
        for module in (kernels, exact)
    )
    assert fast.dtype == plain.dtype == op.result and fast.shape == plain.shape == output.shape
    assert np.array_equal(fast, plain)
    return np.asarray(fast)


def requantised(acc: int, m: int, s: int) -> int:
    """sat16(R(a; M, s)) of Python integers."""
    return max(-32768, min(32767, (acc * m + (1 << (s - 1))) >> s))

"""Matrix products."""

from __future__ import annotations

import numpy as np

from board_runner.contract import Array
from board_runner.ops.base import Call, Op


def matmul(call: Call) -> Array:
    """numpy's matmul, broadcasting over leading axes."""
    return np.asarray(np.matmul(call[0], call[1]))


def gemm(call: Call) -> Array:
    """alpha A' B' + beta C, where ' transposes if transA or transB says so."""
    a = call[0].T if call.attr("transA", 0) else call[0]
    b = call[1].T if call.attr("transB", 0) else call[1]
    c = call.optional(2)
    alpha, beta = call.attr("alpha", 1.0), call.attr("beta", 1.0)
    y = np.asarray(a @ b)
    if alpha != 1.0:
        y = y * y.dtype.type(alpha)
    if c is not None:
        y = y + (c if beta == 1.0 else c * c.dtype.type(beta))
    return y


OPS: dict[str, Op] = {"MatMul": matmul, "Gemm": gemm}

"""ONNX operators in numpy: one small function each, in files by subject, joined in `OPS`."""

from board_runner.ops import (
    convolution,
    elementwise,
    linear,
    log_softmax,
    normalisation,
    pooling,
    quantisation,
    reduction,
    shape,
)
from board_runner.ops.base import Call, Op

OPS: dict[str, Op] = {
    **elementwise.OPS,
    **convolution.OPS,
    **linear.OPS,
    **log_softmax.OPS,
    **normalisation.OPS,
    **pooling.OPS,
    **quantisation.OPS,
    **reduction.OPS,
    **shape.OPS,
}
"""Every operator of the default ONNX domain that the runner has, by its ONNX name."""

__all__ = ["OPS", "Call", "Op"]

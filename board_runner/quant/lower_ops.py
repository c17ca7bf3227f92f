"""One function an operator: from a quantised ONNX node to instructions, in files by subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from board_runner.quant import lower_elementwise as elementwise
from board_runner.quant import lower_moves as moves
from board_runner.quant import lower_products as products
from board_runner.quant.sites import Sites

LOWER: Mapping[str, Callable[[Sites], int]] = {
    "Add": elementwise.add,
    "AveragePool": products.average_pool,
    "BatchNormalization": products.batch_norm,
    "Clip": elementwise.clip,
    "Concat": moves.concat,
    "Conv": products.conv,
    "Div": elementwise.div,
    "Flatten": moves.reshape,
    "Gather": moves.gather,
    "Gelu": elementwise.gelu,
    "Gemm": products.linear,
    "GlobalAveragePool": elementwise.total,
    "HardSigmoid": elementwise.hard_sigmoid,
    "HardSwish": elementwise.hard_swish,
    "Identity": moves.reshape,
    "LayerNormalization": elementwise.layernorm,
    "LeakyRelu": elementwise.leaky,
    "MatMul": products.linear,
    "Max": elementwise.larger,
    "MaxPool": moves.max_pool,
    "Mul": elementwise.mul,
    "Pad": moves.pad,
    "ReduceMean": elementwise.total,
    "ReduceSum": elementwise.total,
    "Relu": elementwise.leaky,
    "Reshape": moves.reshape,
    "Sigmoid": elementwise.sigmoid,
    "Slice": moves.cut,
    "Softmax": elementwise.softmax,
    "Sqrt": elementwise.sqrt,
    "Squeeze": moves.reshape,
    "Sub": elementwise.add,
    "Tanh": elementwise.tanh,
    "Transpose": moves.transpose,
    "Unsqueeze": moves.reshape,
}
"""Every operator that has an integer form."""

"""Find layer normalisations, GELUs and sums as exporters write them, and replace each by one step."""

from __future__ import annotations

import math

import numpy as np

from board_runner.contract import Array
from board_runner.plan.pattern import Match, Pattern
from board_runner.plan.tensor import LayerNorm, gelu, total


def layer_normalization(p: Pattern, position: int) -> Match | None:
    """A LayerNormalization node over the last axis."""
    node = p.nodes[position]
    if node.op_type != "LayerNormalization" or len(node.inputs) < 3 or any(node.outputs[1:]):
        return None
    scale, shift = _vector(p, node.inputs[1]), _vector(p, node.inputs[2])
    if int(node.attributes.get("axis", -1)) != -1 or scale is None or shift is None:
        return None
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    return p.match([position], node.inputs[:1], LayerNorm(scale=scale, shift=shift, epsilon=epsilon))


def decomposed_layer_norm(p: Pattern, position: int) -> Match | None:
    """ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, Mul, Add: opset 16 and older have no other way."""
    x = p.nodes[position].inputs[0] if p.nodes[position].inputs else ""
    centred = p.only_reader(position, "Sub") if _is_mean_of_last(p, position) else None
    if centred is None or p.nodes[centred].inputs != (x, p.nodes[position].outputs[0]):
        return None
    chain = [position, centred]
    readers = p.readers(p.nodes[centred].outputs[0])
    square = next((i for i in readers if p.nodes[i].op_type == "Pow"), None)
    divide = next((i for i in readers if p.nodes[i].op_type == "Div"), None)
    if len(readers) != 2 or square is None or divide is None or p.scalar(p.nodes[square].inputs[1]) != 2.0:
        return None
    last = square
    chain.append(square)
    for op_type in ("ReduceMean", "Add", "Sqrt", "Div", "Mul", "Add"):
        step = p.only_reader(last, op_type)
        if step is None:
            return None
        chain.append(step)
        last = step
    mean, plus, root, ratio, times, shifted = chain[3:]
    if ratio != divide or not _is_mean_of_last(p, mean):
        return None
    if p.nodes[ratio].inputs != (p.nodes[centred].outputs[0], p.nodes[root].outputs[0]):
        return None
    epsilon = p.scalar(p.other_input(plus, p.nodes[mean].outputs[0]) or "")
    scale = _vector(p, p.other_input(times, p.nodes[ratio].outputs[0]))
    shift = _vector(p, p.other_input(shifted, p.nodes[times].outputs[0]))
    if epsilon is None or scale is None or shift is None:
        return None
    return p.match(chain, (x,), LayerNorm(scale=scale, shift=shift, epsilon=epsilon))


def decomposed_gelu(p: Pattern, position: int) -> Match | None:
    """x / sqrt 2 (or times its inverse), Erf, Add 1, Mul x, Mul 1/2, as PyTorch's exact GELU is written."""
    node = p.nodes[position]
    factor = p.scalar(node.inputs[1]) if len(node.inputs) == 2 else None
    wanted = {"Div": math.sqrt(2.0), "Mul": math.sqrt(0.5)}.get(node.op_type)
    if factor is None or wanted is None or not math.isclose(factor, wanted, rel_tol=1e-6):
        return None
    x, chain = node.inputs[0], [position]
    for op_type in ("Erf", "Add", "Mul", "Mul"):
        step = p.only_reader(chain[-1], op_type)
        if step is None:
            return None
        chain.append(step)
    _, _, plus, times, half = chain
    if p.scalar(p.other_input(plus, p.nodes[chain[1]].outputs[0]) or "") != 1.0:
        return None
    if p.other_input(times, p.nodes[plus].outputs[0]) != x:
        return None
    if p.scalar(p.other_input(half, p.nodes[times].outputs[0]) or "") != 0.5:
        return None
    return p.match(chain, (x,), gelu)


def sum_chain(p: Pattern, position: int) -> Match | None:
    """Add after Add, each the only reader of the one before: residual sums, in one array."""
    if p.nodes[position].op_type != "Add":
        return None
    chain, terms = [position], list(p.nodes[position].inputs)
    while (step := p.only_reader(chain[-1], "Add")) is not None:
        other = p.other_input(step, p.nodes[chain[-1]].outputs[0])
        if other is None:
            break
        terms.append(other)
        chain.append(step)
    return p.match(chain, terms, total) if len(chain) > 1 else None


def _is_mean_of_last(p: Pattern, position: int) -> bool:
    node = p.nodes[position]
    keeps = node.attributes.get("keepdims", 1) == 1
    return node.op_type == "ReduceMean" and keeps and p.ints(node, 1, "axes") == [-1]


def _vector(p: Pattern, name: str | None) -> Array | None:
    value = p.constants.get(name or "")
    return value if value is not None and value.ndim == 1 and value.dtype == np.float32 else None

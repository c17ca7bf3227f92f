"""Small programs that have every instruction once at least: those of version 2, and what version 3 has beside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from board_runner.contract import Array, InputContract, TensorSpec
from board_runner.integer import image, opset, shapes
from board_runner.integer.program import Instruction, Program, Value

HALF = {"multiplier": (1 << 20,), "shift": (21,)}
LENGTH = 12


class Build:
    """A program as it grows: every step reads values by number and gives the next one."""

    def __init__(self, shape: tuple[int, ...] = (1, 2, LENGTH)) -> None:
        self.values = [Value(dtype="float32", shape=shape)]
        self.steps: list[Instruction] = []

    def add(
        self,
        op: str,
        *inputs: int,
        ints: Mapping[str, tuple[int, ...]] | None = None,
        tensors: Mapping[str, Array] | None = None,
        zero: int = 0,
    ) -> int:
        """Append a step; gives its value."""
        step = Instruction(
            op=op,
            inputs=inputs,
            output=len(self.values),
            ints=ints or {},
            tensors=tensors or {},
            name=f"{op}/{len(self.values)}",
        )
        shape = shapes.infer(step, [self.values[i] for i in inputs])
        self.values.append(Value(dtype=opset.OPS[op].result, shape=shape, scale=0.0078125, zero=zero))
        self.steps.append(step)
        return step.output


def channels(weight: Array, *, axis: int) -> dict[str, Array]:
    """A weight with a multiplier, shift and offset for every index of `axis`."""
    count = weight.shape[axis]
    return {
        "weight": weight,
        "offset": (1 << 21) + (np.arange(count, dtype=np.int64) * 7 - 5) * 262144,
        "multiplier": np.full(count, 1 << 18, np.int32) + np.arange(count, dtype=np.int32),
        "shift": np.full(count, 22, np.int8),
    }


def every_op(seed: int = 0) -> Program:
    """Quantise, convolve both ways, normalise, attend and put together again."""
    rng = np.random.default_rng(seed)
    build = Build()
    conv = {"stride": (1,), "dilation": (1,), "group": (1,), "begins": (1,), "ends": (1,)}
    wide = build.add("quantize", 0)
    narrow = build.add("narrow", wide, ints=HALF, zero=9)
    w8 = rng.integers(-127, 128, (4, 2, 3)).astype(np.int8)
    eight = build.add("conv8", narrow, ints=conv, tensors=channels(w8, axis=0))
    w16 = rng.integers(-300, 300, (4, 1, 3)).astype(np.int16)
    grouped = {"stride": (1,), "dilation": (2,), "group": (4,), "begins": (2,), "ends": (2,)}
    deep = build.add("conv16", eight, ints=grouped, tensors=channels(w16, axis=0))
    slope = {"multiplier": (1 << 20, 1 << 18), "shift": (20, 21)}
    bent = build.add("leaky", deep, ints=slope)
    both = build.add("add", bent, eight, ints={"multiplier": (1 << 19, 1 << 20), "shift": (20,)})
    padded = build.add("pad", both, ints={"mode": (1,), "begins": (0, 0, 3), "ends": (0, 0, 2)})
    zeros = build.add("pad", padded, ints={"mode": (0,), "begins": (0, 0, 1), "ends": (0, 0, 0)})
    turned = build.add("transpose", zeros, ints={"perm": (0, 2, 1)})
    norm: dict[str, Array] = {
        "gain": rng.integers(-(1 << 29), 1 << 29, 4).astype(np.int32),
        "offset": rng.integers(-(1 << 40), 1 << 40, 4),
    }
    even = build.add("layernorm", turned, ints={"shift": (46,), "epsilon": (1,)}, tensors=norm)
    knots = (np.linspace(-1, 1, 1025) ** 3 * 32767 * 256).astype(np.int32)
    curved = build.add("curve", even, tensors={"knots": knots})
    w = rng.integers(-300, 300, (4, 6)).astype(np.int16)
    mixed = build.add("linear", curved, tensors=channels(w, axis=1))
    half = build.add("scale", mixed, ints=HALF)
    back = build.add("transpose", half, ints={"perm": (0, 2, 1)})
    product = build.add("matmul", half, back, ints={"multiplier": (1 << 10,), "shift": (24,)})
    fall = np.floor(np.exp(-np.arange(256) / 64.0) * 2**30).astype(np.int32)
    steep = np.where(np.arange(256) == 0, 1 << 30, 0).astype(np.int32)
    soft = build.add("softmax", product, tensors={"high": steep, "low": fall})
    mix = build.add("matmul", soft, half, ints={"multiplier": (1 << 16,), "shift": (31,)})
    stored = build.add("constant", tensors={"data": rng.integers(-99, 99, (1, 1, 6)).astype(np.int16)})
    joined = build.add("concat", stored, mix, ints={"axis": (1,)})
    first = build.add("take", joined, ints={"axis": (1,), "index": (1,)})
    last = build.add("reshape", first, ints={"shape": (6,)})
    return Program(
        values=tuple(build.values),
        instructions=tuple(build.steps),
        inputs=(("x", 0),),
        outputs=(("y", last), ("all", joined)),
    )


def every_plane_op(seed: int = 0) -> Program:
    """Planes convolved in 8 and 16 bits, pooled, gated, halved, subtracted, and put to unit length."""
    rng = np.random.default_rng(seed)
    build = Build()
    wide = build.add("quantize", 0)
    plane = build.add("reshape", wide, ints={"shape": (1, 2, 3, 4)})
    narrow = build.add("narrow", plane, ints=HALF, zero=9)
    pads = {"dilation": (1, 1), "begins": (1, 1), "ends": (0, 1)}
    w8 = rng.integers(-127, 128, (4, 2, 2, 3)).astype(np.int8)
    dense = {"stride": (1, 1), "group": (1,), **pads}
    eight = build.add("conv8", narrow, ints=dense, tensors=channels(w8, axis=0))
    w16 = rng.integers(-300, 300, (4, 1, 2, 3)).astype(np.int16)
    deep = build.add("conv16", eight, ints={**dense, "group": (4,)}, tensors=channels(w16, axis=0))
    gate = build.add("clip", deep, ints={**HALF, "offset": (1 << 33,), "low": (0,), "high": (32000,)})
    gated = build.add("mul", deep, gate, ints={"multiplier": (1 << 21,), "shift": (36,)})
    mean = build.add("sum", gated, ints={**HALF, "flags": (0, 0, 1, 1)})
    excited = build.add("mul", gated, mean, ints={"multiplier": (1 << 20,), "shift": (33,)})
    less = build.add("add", excited, mean, ints={"multiplier": (1 << 20, -(1 << 19)), "shift": (20,)})
    turned = build.add("scale", less, ints={"multiplier": (-(1 << 20),), "shift": (20,)})
    high = build.add("max", turned, gated)
    pooled = build.add("maxpool", high, ints={"kernel": (2, 3), "stride": (2, 1), **pads})
    half = {"begins": (0, 1, 0, 0), "ends": (1, 4, 2, 3), "steps": (1, 2, 1, 2)}
    part = build.add("slice", pooled, ints=half)
    squares = build.add("mul", part, part, ints={"multiplier": (1 << 20,), "shift": (35,)})
    energy = build.add("sum", squares, ints={**HALF, "flags": (0, 1, 1, 1)})
    length = build.add("sqrt", energy, ints={"multiplier": (1 << 30,), "shift": (16,)})
    unit = build.add("divide", part, length, ints={"multiplier": (1 << 24,), "shift": (20,)})
    return Program(
        values=tuple(build.values),
        instructions=tuple(build.steps),
        inputs=(("x", 0),),
        outputs=(("y", unit), ("all", high)),
    )


def random_planes(seed: int) -> Program:
    """Convolutions in 8 and 16 bits and a maximum over windows of any geometry, dense, grouped and one by one."""
    rng = np.random.default_rng(seed)

    def pick(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    group, deep, rows = [(1, pick(1, 9), pick(1, 19)), (pick(2, 5), pick(1, 3), pick(1, 6))][seed % 2]
    channels_in, size = group * deep, (pick(1, 12), pick(1, 70))
    kernel = tuple(pick(1, min(5, n)) for n in size)
    dilation = tuple(pick(1, max(1, (n - 1) // max(1, k - 1))) for n, k in zip(size, kernel, strict=True))
    ints = {
        "stride": (pick(1, 3), pick(1, 3)),
        "dilation": dilation,
        "begins": (pick(0, 2), pick(0, 2)),
        "ends": (pick(0, 2), pick(0, 2)),
    }
    build = Build((1, channels_in, *size))
    wide = build.add("quantize", 0)
    narrow = build.add("narrow", wide, ints=HALF, zero=pick(0, 255))
    shape = (group * rows, deep, *kernel)
    w8 = rng.integers(-127, 128, shape).astype(np.int8)
    build.add("conv8", narrow, ints={**ints, "group": (group,)}, tensors=channels(w8, axis=0))
    most = [200, 32767][pick(0, 1)]  # sums of the larger need 64 bits
    w16 = rng.integers(-most, most + 1, shape).astype(np.int16)
    last = build.add("conv16", wide, ints={**ints, "group": (group,)}, tensors=channels(w16, axis=0))
    build.add("maxpool", wide, ints={"kernel": kernel, **ints})
    return Program(
        values=tuple(build.values),
        instructions=tuple(build.steps),
        inputs=(("x", 0),),
        outputs=(("y", last),),
    )


def packed(program: Program) -> bytes:
    """The program as a file."""
    spec = TensorSpec(name="x", dtype="float32", shape=program.values[0].shape)
    contract = InputContract(model="eat", sample_rate_hz=22050, inputs=(spec,), outputs=())
    return image.pack("pcupid", contract, program)

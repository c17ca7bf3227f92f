"""Where every value lies in the arena, and for how long: the plan that an image carries.

Offsets are found greedily, largest value first, each at the lowest place free for its whole life; after
Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020), "greedy by size".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.errors import ModelError
from board_runner.integer.program import Program

ALIGNMENT = 64
MAX_ARENA_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Offsets by value; None for a stored constant, which lies in the file."""

    offsets: tuple[int | None, ...]
    arena_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Values that share one place: a value and what `reshape` makes of it."""

    size: int
    first: int
    last: int


def size_of(program: Program, value: int) -> int:
    """Bytes of a value, rounded up to the alignment."""
    given = program.values[value]
    size = math.prod(given.shape) * np.dtype(given.dtype).itemsize
    return -(-size // ALIGNMENT) * ALIGNMENT


def lives(program: Program) -> list[tuple[int, int]]:
    """First and last step of every value: inputs live from step -1, outputs to the number of steps.

    Raises ModelError for a value that is used before it is given, given twice, or never.
    """
    steps = len(program.instructions)
    spans = [(-1, -1)] * len(program.values)
    given = {value for _, value in program.inputs}
    for number, step in enumerate(program.instructions):
        if not given.issuperset(step.inputs) or step.output in given:
            raise ModelError(f"instruction {number} ({step.op}) uses what is not there, or gives what is")
        given.add(step.output)
        spans[step.output] = (number, number)
        for value in step.inputs:
            spans[value] = (spans[value][0], number)
    if len(given) != len(program.values):
        raise ModelError("a value that no instruction gives")
    for _, value in program.outputs:
        spans[value] = (spans[value][0], steps)
    return spans


def plan(program: Program) -> Plan:
    """Offsets for every value; the same program gives the same plan."""
    owners, blocks = _blocks(program)
    placed: list[tuple[int, int]] = []  # (owner, offset), for those placed so far
    offsets: dict[int, int] = {}
    for owner in sorted(blocks, key=lambda value: (-blocks[value].size, value)):
        offsets[owner] = _lowest(blocks[owner], [(blocks[other], at) for other, at in placed])
        placed.append((owner, offsets[owner]))
    arena = max((at + blocks[owner].size for owner, at in placed), default=0)
    where = tuple(None if owner is None else offsets[owner] for owner in owners)
    return Plan(offsets=where, arena_bytes=arena)


def floor_bytes(program: Program) -> int:
    """What is alive at the busiest step: no plan needs less."""
    _, blocks = _blocks(program)
    steps = range(-1, len(program.instructions) + 1)
    return max(sum(b.size for b in blocks.values() if b.first <= step <= b.last) for step in steps)


def check(program: Program, plan: Plan) -> None:
    """Raise ModelError for a plan in which two values that live at once overlap, or one leaves the arena."""
    if not 0 <= plan.arena_bytes <= MAX_ARENA_BYTES:
        raise ModelError(f"an arena of {plan.arena_bytes} bytes; at most {MAX_ARENA_BYTES} are allowed")
    owners, blocks = _blocks(program)
    starts: dict[int, int] = {}
    used = 0
    for value, (owner, offset) in enumerate(zip(owners, plan.offsets, strict=True)):
        if (owner is None) != (offset is None):
            raise ModelError(f"value {value}: a stored constant has no place in the arena, all others have")
        if owner is None or offset is None:
            continue
        if offset < 0 or offset % ALIGNMENT or offset + size_of(program, value) > plan.arena_bytes:
            raise ModelError(f"value {value} leaves the arena or is not aligned")
        if starts.setdefault(owner, offset) != offset:
            raise ModelError(f"value {value} is another shape of value {owner}, in another place")
        used = max(used, offset + size_of(program, value))
    if used != plan.arena_bytes:
        raise ModelError(f"an arena of {plan.arena_bytes} bytes of which {used} are used")
    _check_overlaps({owner: block for owner, block in blocks.items() if block.size}, starts)


def _check_overlaps(blocks: dict[int, _Block], starts: dict[int, int]) -> None:
    begin = np.array([starts[owner] for owner in blocks], np.int64)
    end = begin + np.array([block.size for block in blocks.values()], np.int64)
    first = np.array([block.first for block in blocks.values()], np.int64)
    last = np.array([block.last for block in blocks.values()], np.int64)
    for row in range(len(begin)):
        meets = (begin < end[row]) & (begin[row] < end) & (first <= last[row]) & (first[row] <= last)
        if np.count_nonzero(meets) > 1:  # itself is one
            raise ModelError("two values that live at once share memory")


def _blocks(program: Program) -> tuple[list[int | None], dict[int, _Block]]:
    """Owner of every value (None: stored), and the block of every owner."""
    spans = lives(program)
    owners: list[int | None] = list(range(len(program.values)))
    for step in program.instructions:
        if step.op == "constant":
            owners[step.output] = None
        elif step.op == "reshape":
            owners[step.output] = owners[step.inputs[0]]
    blocks: dict[int, _Block] = {}
    for value, owner in enumerate(owners):
        if owner is None:
            continue
        first, last = spans[value]
        old = blocks.get(owner)
        blocks[owner] = _Block(
            size=size_of(program, owner),
            first=min(first, old.first) if old else first,
            last=max(last, old.last) if old else last,
        )
    return owners, blocks


def _lowest(block: _Block, others: Sequence[tuple[_Block, int]]) -> int:
    """The lowest offset at which `block` meets none of the placed ones during its life."""
    busy = sorted((at, at + b.size) for b, at in others if b.first <= block.last and block.first <= b.last)
    offset = 0
    for begin, end in busy:
        if offset + block.size <= begin:
            break
        offset = max(offset, end)
    return offset

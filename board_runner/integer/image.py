"""`eat.img` whole: pack a program, read one back. Reading runs no code and checks every bound.

The layout is `docs/formats.md`; the outside is in `container.py`, the records in `records.py`, the
instructions in `opset.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from board_runner.contract import InputContract
from board_runner.errors import ModelError
from board_runner.integer import container, decode, encode, memory, opset, shapes
from board_runner.integer.memory import Plan
from board_runner.integer.program import Program

MAX_BYTES = 1 << 31


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image holds; `plan` is where its values lie while it runs."""

    chip: str
    contract: InputContract
    program: Program
    plan: Plan


def pack(chip: str, contract: InputContract, program: Program) -> bytes:
    """The bytes of the file, with a memory plan made here; the same program gives the same bytes."""
    plan = memory.plan(program)
    info = container.info_lines(chip, contract)
    sections = {"INFO": info, **encode.sections(program, plan)}
    return container.seal(sections, arena_bytes=plan.arena_bytes, version=opset.version(program))


def read(path: Path) -> Image:
    """Read and check a file; raises ModelError with its name for any damage."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError("larger than 2 GiB")
        return unpack(path.read_bytes())
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e
    except ModelError as e:
        raise ModelError(f"{path}: {e}", hint=e.hint) from e


def unpack(blob: bytes) -> Image:
    """Read and check the bytes of a file; raises ModelError."""
    arena_bytes, sections = container.split(blob)
    info = container.read_info(sections["INFO"])
    program, plan = decode.program(sections, arena_bytes=arena_bytes)
    shapes.check(program)
    if opset.version(program) > container.version(blob):
        raise ModelError(f"an image of version {container.version(blob)} that uses what this version lacks")
    memory.check(program, plan)
    try:
        contract = InputContract.from_json(info["contract"])
        return Image(chip=info["chip"], contract=contract, program=program, plan=plan)
    except KeyError as e:
        raise ModelError(f"damaged image: no {e} in INFO") from e

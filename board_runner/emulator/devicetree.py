"""The device tree of QEMU's `virt` machine under another model name, so that a board says which chip it plays."""

from __future__ import annotations

import struct

from board_runner.emulator.errors import EmulatorError

_MAGIC = 0xD00DFEED
_HEADER_BYTES = 40
_BEGIN_NODE, _END_NODE, _PROPERTY, _NOP = 1, 2, 3, 4


def with_model(tree: bytes, model: str) -> bytes:
    """The flattened tree with another `/model` (Devicetree Specification 0.4, chapter 5).

    In place: the name must not take more room than the one it replaces; what is over becomes FDT_NOP. The
    megabyte of nothing that QEMU leaves at the end goes: it doubles what it reads, and Linux takes 2 MiB.
    """
    if len(tree) < _HEADER_BYTES or struct.unpack_from(">I", tree)[0] != _MAGIC:
        raise EmulatorError("QEMU wrote no flattened device tree")
    structure, strings = struct.unpack_from(">II", tree, 8)
    strings_size, structure_size = struct.unpack_from(">II", tree, 32)
    end = max(structure + structure_size, strings + strings_size)
    renamed = _renamed(tree[:end], structure, strings, model)
    return renamed[:4] + struct.pack(">I", end) + renamed[8:]


def _renamed(tree: bytes, structure: int, strings: int, model: str) -> bytes:
    at = structure
    depth = 0
    while True:
        (token,) = struct.unpack_from(">I", tree, at)
        if token == _BEGIN_NODE:
            depth += 1
            at = _aligned(tree.index(b"\0", at + 4) + 1)
        elif token == _PROPERTY:
            length, name_at = struct.unpack_from(">II", tree, at + 4)
            name = tree[strings + name_at : tree.index(b"\0", strings + name_at)]
            end = _aligned(at + 12 + length)
            if depth == 1 and name == b"model":
                return tree[:at] + _property(name_at, model, end - at) + tree[end:]
            at = end
        elif token in (_END_NODE, _NOP):
            depth -= token == _END_NODE
            at += 4
        else:
            raise EmulatorError("QEMU's device tree names no model")


def _property(name_at: int, model: str, room: int) -> bytes:
    value = model.encode() + b"\0"
    head = struct.pack(">III", _PROPERTY, len(value), name_at)
    written = head + value + bytes(-len(value) % 4)
    if len(written) > room:
        raise EmulatorError(f"model name {model!r} is too long", hint=f"at most {room - 13} characters")
    return written + struct.pack(">I", _NOP) * ((room - len(written)) // 4)


def _aligned(at: int) -> int:
    return at + -at % 4

"""`sigma_outtensor_dump.bin`: read as the vendor's own readers read it, and refused when it is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import layer_dumps
from toolchain_wrappers.sigmastar.layer_dumps import Dump, Format

FLOATS = np.array([[[1.5, -2.0, 3.25], [0.0, 1e-9, -7.0]]], np.float32)
LEVELS = np.array([[100, -32768, 7]], np.int16)

FORM = Format()


def _block(
    data: bytes,
    shape: str = "1, 2, 3",
    kind: str = "float",
    name: str = "a/b c",
    scale: str = "0.000000",
    constant: int = 0,
    mark: str = "out",
) -> bytes:
    dims = shape.count(",") + 1 if shape else 0
    head = (
        f"//{mark} 0 s: {scale} z: 0 type: {kind} name: {name} bConstant:{constant} shape:[{shape}] dims:{dims}\n"
        f"op_{mark}[11] CONV_2D = {{\n//buffer data size: {len(data)}\n"
    )
    return head.encode() + data + b"};\n"


def _read(tmp_path: Path, content: bytes, form: Format = FORM) -> Dump:
    path = tmp_path / layer_dumps.DUMP
    path.write_bytes(content)
    return Dump(path, form)


def test_floats_are_read_by_name_in_order(tmp_path: Path) -> None:
    """The type of the tensor does not matter where the first line says that the data are float."""
    content = b"isFloat: 1\n" + _block(FLOATS.tobytes()) + _block(FLOATS.tobytes(), kind="SGS_S16", name="z")

    dump = _read(tmp_path, content)

    assert ["a/b c", "z"] == list(dump)
    for name in dump:
        np.testing.assert_array_equal(FLOATS, dump[name])
    assert ("CONV_2D", 11) == (dump.blocks["z"].op, dump.blocks["z"].op_index)


def test_levels_become_real_numbers(tmp_path: Path) -> None:
    """Without dequantFixed: int16 times the scale of the header."""
    content = b"isFloat: 0\n" + _block(LEVELS.tobytes(), "1, 3", "SGS_S16", scale="0.000239")

    dump = _read(tmp_path, content)

    np.testing.assert_array_equal(LEVELS.astype(np.float32) * np.float32(0.000239), dump["a/b c"])


def test_levels_may_have_a_zero_point(tmp_path: Path) -> None:
    """uint8 activations have one."""
    content = b"isFloat: 0\n" + _block(bytes([128, 0, 255]), "1, 3", "SGS_U8", scale="0.5")

    dump = _read(tmp_path, content.replace(b"z: 0", b"z: 128"))

    np.testing.assert_array_equal(np.array([[0, -64, 63.5]], np.float32), dump["a/b c"])


def test_padding_of_the_innermost_dimension_is_taken_off(tmp_path: Path) -> None:
    """Without eliminateGarbage the buffer is larger than the shape."""
    padded = np.zeros((1, 2, 8), np.float32)
    padded[..., :3] = FLOATS
    padded[..., 3:] = np.nan

    dump = _read(tmp_path, b"isFloat: 1\n" + _block(padded.tobytes()))

    np.testing.assert_array_equal(FLOATS, dump["a/b c"])


def test_inputs_constants_and_empty_tensors_are_no_layers(tmp_path: Path) -> None:
    """What an operator reads was written by another; constants are kept only when asked for."""
    data = FLOATS.tobytes()
    content = (
        b"isFloat: 1\n"
        + _block(data, name="in", mark="in")
        + _block(data, name="weight", constant=1)
        + _block(b"", name="none", shape="0")
        + _block(data, name="out")
    )

    assert ["out"] == list(_read(tmp_path, content))
    assert ["weight", "out"] == list(_read(tmp_path, content, replace(Format(), keep_constants=True)))


def test_a_blank_line_before_the_data_is_seen(tmp_path: Path) -> None:
    """Some of the vendor's writers put one there."""
    data = FLOATS.tobytes()
    content = b"isFloat: 1\n" + _block(data).replace(f"{len(data)}\n".encode(), f"{len(data)}\n\n".encode())

    np.testing.assert_array_equal(FLOATS, _read(tmp_path, content)["a/b c"])


@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40))
def test_any_data_can_lie_between_headers(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    """Bytes that look like a header, or like an end, are data."""
    data = np.array(values, "<f4").tobytes() + b"};\n//out 0 bConst"[: 4 * (len(values) % 5)]
    shape = f"{len(data) // 4}"
    content = b"isFloat: 1\n" + _block(data, shape, name="x") + _block(data, shape, name="y")

    dump = _read(tmp_path_factory.getbasetemp(), content)

    assert data == dump["x"].tobytes() == dump["y"].tobytes()


@given(at=st.integers(0, 400), length=st.integers(0, 12), put=st.binary(max_size=12), number=st.booleans())
def test_a_damaged_dump_is_read_or_refused_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, put: bytes, number: bool
) -> None:
    """Bytes replaced anywhere, by noise or by digits."""
    content = b"isFloat: 0\n" + _block(LEVELS.tobytes(), "1, 3", "SGS_S16", scale="0.5") * 2
    damage = bytes(b"0123456789-e.,"[byte % 14] for byte in put) if number else put
    try:
        dump = _read(tmp_path_factory.getbasetemp(), content[:at] + damage + content[at + length :])
    except ToolchainError:
        return
    for name in dump:
        assert dump[name].nbytes <= 2 * len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no layer dump in"),
        (b"\x00" * 10000, "no header at byte 0"),
        (b"isFloat: 1\nhello\n", "holds no layer"),
        (b"isFloat: 1\n" + _block(FLOATS.tobytes())[:-20], "24 bytes stated, 7 there: the file is cut short"),
        (b"isFloat: 1\n" + _block(FLOATS.tobytes(), "5, 5"), r"24 bytes do not hold float\[5, 5\]"),
        (b"isFloat: 0\n" + _block(FLOATS.tobytes(), kind="SGS_X9"), "type 'SGS_X9' that is not known"),
        (
            b"isFloat: 1\n" + _block(FLOATS.tobytes()).replace(b"dims:3", b"dims:4"),
            r"4 dimensions stated, shape \[1, 2, 3\]",
        ),
        (
            b"isFloat: 1\n" + _block(b"1.500000, -2.000000, 3.250000, \n").replace(b"size: 32", b"size: 12"),
            "does not end after the 12 bytes stated",
        ),
    ],
)
def test_what_is_no_dump_is_refused_with_its_fault(tmp_path: Path, content: bytes, message: str) -> None:
    """Empty, foreign, cut short, of another size or type, or text."""
    with pytest.raises(ToolchainError, match=message):
        _read(tmp_path, content)


def test_the_config_asks_for_real_numbers_and_refuses_a_long_path() -> None:
    """The tools silently write nothing for more than 122 bytes."""
    text = layer_dumps.config("/tmp/d", dequantised=True)

    assert ["dumpTensor", "eliminateGarbage", "dequantFixed"] == text.splitlines()[:3]
    assert "path=/tmp/d\n" in text
    assert "#dequantFixed" in layer_dumps.config("/tmp/d", dequantised=False)
    with pytest.raises(ToolchainError, match="more than 122 bytes"):
        layer_dumps.config("/" + "é" * 61, dequantised=True)

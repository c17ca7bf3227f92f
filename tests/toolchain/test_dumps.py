"""The simulators' text dumps, every dialect that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import dumps

DUMPS = Path(__file__).parent / "dumps"


def _text(name: str) -> str:
    lines = (DUMPS / f"{name}.DERIVED.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("simulator_unknown_float", -7.142857, 6.571429),
        ("simulator_unknown_fixed_int16", -7.142754, 6.571544),
        ("board_dla_simulator_unknown", -7.142857, 6.571429),
    ],
)
def test_every_dialect_gives_the_same_fifty_values(name: str, first: float, last: float) -> None:
    """Blanks or TAB after the comma, a blank before the bracket, an alignment shape: one tensor (1, 50)."""
    (tensor,) = dumps.parse(_text(name))

    assert ("output", (1, 50)) == (tensor.name, tensor.values.shape)
    assert tensor.values[0, [0, -1]].tolist() == pytest.approx([first, last])


def test_padding_of_the_innermost_dimension_is_taken_off() -> None:
    """The data have the alignment shape, the tensor its own."""
    (tensor,) = dumps.parse(_text("aligned_int16"))

    assert np.array_equal(tensor.values, np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3))


def test_several_outputs_come_in_the_order_of_the_file() -> None:
    """One file a sample holds all output tensors."""
    both = _text("simulator_unknown_float") + _text("aligned_int16")

    assert ["output", "layer46-conv"] == [tensor.name for tensor in dumps.parse(both)]


def test_a_text_cut_anywhere_is_refused() -> None:
    """A file that is short is never taken for a result."""
    text = _text("simulator_unknown_float").rstrip()

    for end in range(0, len(text), 7):
        with pytest.raises(ToolchainError):
            dumps.parse(text[:end])


@pytest.mark.parametrize("wrong", ["1.0 x 2.0", "1.0 2.0 3.0", "1.0"])
def test_other_values_than_the_shape_says_are_refused(wrong: str) -> None:
    """Two values, all of them numbers, or an error that names the tensor."""
    text = f"out Tensor:\n{{\ntensor dim:1,  Original shape:[2]\ntensor data:\n{wrong}  \n}}\n\n"

    with pytest.raises(ToolchainError, match="'out'"):
        dumps.parse(text)


def test_nan_and_infinity_are_values() -> None:
    """`%.6f` prints them as words."""
    text = "out Tensor:\n{\ntensor dim:1,  Original shape:[3]\ntensor data:\nnan  inf  -inf  \n}\n\n"

    (tensor,) = dumps.parse(text)

    assert np.array_equal(tensor.values, [np.nan, np.inf, -np.inf], equal_nan=True)

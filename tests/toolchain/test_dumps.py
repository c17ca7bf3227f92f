"""The simulators' text dumps, every dialect that is known."""

from __future__ import annotations

import ast
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from board_runner.contract import Array
from tests.damage import damaged
from toolchain_wrappers import standin
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import dumps

DUMPS = Path(__file__).parent / "dumps"


def _text(name: str) -> str:
    with (DUMPS / f"{name}.DERIVED.txt").open(encoding="utf-8", newline="") as file:
        lines = file.read().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def _writer() -> Callable[[str, Array], str]:
    """`dump` of the stand-in's simulator.py, which is a script: its `main()` must not run here."""
    script = Path(standin.__file__).parent / "tree/SGS_IPU_Toolchain/Scripts/calibrator/simulator.py"
    tree = ast.parse(script.read_text(encoding="utf-8"))
    tree.body = [
        node
        for node in tree.body
        if (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        or (isinstance(node, ast.FunctionDef) and node.name == "dump")
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VALUES_A_LINE")
    ]
    space: dict[str, Any] = {}
    exec(compile(tree, str(script), "exec"), space)
    found: Callable[[str, Array], str] = space["dump"]
    return found


WRITE = _writer()


@pytest.mark.parametrize("name", sorted(path.stem for path in DUMPS.glob("*.json")))
def test_every_file_gives_what_was_written_down_for_it(name: str) -> None:
    """Beside each dump lies its expectation: every tensor's name, shape and values, in order."""
    expected = json.loads((DUMPS / f"{name}.json").read_text(encoding="utf-8"))

    found = dumps.parse(_text(name))

    assert list(expected) == [tensor.name for tensor in found]
    for tensor in found:
        wanted = expected[tensor.name]
        assert tuple(wanted["shape"]) == tensor.values.shape
        given = [float(value) for value in wanted["values"]]
        np.testing.assert_allclose(tensor.values.ravel(), given, atol=0, rtol=1e-7)


@pytest.mark.parametrize("name", sorted(path.stem for path in DUMPS.glob("*.json")))
def test_a_file_of_any_dialect_that_is_cut_short_is_refused_by_name_and_line(name: str) -> None:
    """Cut before its last line, every dialect is an error that names the file and a line; never a result.

    A file of boxes is an exception: nothing in it says how many there are, so a cut must be within a line.
    """
    text = _text(name).rstrip()
    cut = text[: text.rindex("\n")]
    if name.startswith("detection"):
        cut = text[:-10]

    with pytest.raises(ToolchainError, match=r"clip\.txt, line \d+: "):
        dumps.parse(cut, file="clip.txt")


def test_the_line_of_the_fault_is_named() -> None:
    """Not the tensor's first line: the line of the value itself."""
    text = "out Tensor:\n{\ntensor dim:1,  Original shape:[3]\ntensor data:\n1.0\n2.0\nx\n}\n\n"

    with pytest.raises(ToolchainError, match=r"^a\.txt, line 7: tensor 'out': not a number"):
        dumps.parse(text, file="a.txt")


@settings(max_examples=60, deadline=None)
@given(
    value=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
        elements=st.floats(-1e4, 1e4, width=32) | st.sampled_from([np.nan, np.inf, -np.inf]),
    ),
    width=st.integers(1, 40),
    crlf=st.booleans(),
)
def test_what_the_simulator_writes_is_read_within_its_six_decimals(
    value: Array, width: int, crlf: bool
) -> None:
    """Any shape, any count of values a line, either line end: the values come back within 1e-6."""
    lines = WRITE("out", value).split("\n")
    words = " ".join(lines[4 : lines.index("}")]).split()
    rows = ["  ".join(words[at : at + width]) for at in range(0, len(words), width)]
    text = "\n".join([*lines[:4], *rows, "}", "", ""])

    (tensor,) = dumps.parse(text.replace("\n", "\r\n") if crlf else text)

    assert value.shape == tensor.values.shape
    np.testing.assert_allclose(tensor.values, value, rtol=1e-7, atol=5.1e-7)


def test_a_large_dump_is_read_in_well_under_a_second() -> None:
    """400 000 values, about 4 MB of text."""
    value = np.random.default_rng(0).normal(size=(1, 400_000)).astype(np.float32)
    text = WRITE("out", value)
    assert len(text) > 4_000_000

    started = time.process_time()
    (tensor,) = dumps.parse(text)

    assert time.process_time() - started < 0.8  # of this process: other tests may run beside it
    np.testing.assert_allclose(tensor.values, value, atol=6e-7)


@pytest.mark.parametrize(
    "text",
    [
        "out Tensor:\n{\ntensor dim:1,  Original shape:[1]\ntensor data:\n1.0  \n}\n\nnext Tensor:\n{\ntens",
        "out Tensor:\n{\ntensor dim:1,  Original shape:[2]\ntensor data:\n1_0 2\n}\n",
        "out Tensor:\n{\ntensor dim:1,  Original shape:[1]\ntensor data:\n1e39\n}\n",
        "out Tensor:\n{\ntensor dim:2,  Original shape:[9999999 9999999]\ntensor data:\n1\n}\n",
        "out Tensor:\n{\ntensor dim:1,  Original shape:[3],  Alignment shape:[2]\ntensor data:\n1 2\n}\n",
        "",
        "\n",
        "hello\nworld\n",
        "clip\n" + "1 2 " * 400 + "x\n",
    ],
)
def test_what_is_no_whole_dump_is_an_error(text: str) -> None:
    """A second tensor cut in its head, odd numbers, shapes beyond reason, other texts: refused, and at once."""
    with pytest.raises(ToolchainError, match=r"line \d+"):
        dumps.parse(text)


def test_an_alignment_shape_is_kept() -> None:
    """A reader who wants the bytes as they lay on the chip can know."""
    (tensor,) = dumps.parse(_text("aligned_8"))

    assert (1, 1, 2, 8) == tensor.aligned


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


def test_damage_of_any_kind_is_an_error_of_one_kind() -> None:
    """5000 damaged files of every dialect: a tensor or a ToolchainError, nothing else, not even a warning."""
    texts = [_text(path.stem.removesuffix(".DERIVED")) for path in sorted(DUMPS.glob("*.txt"))]

    for text in damaged(texts, count=5000, seed=20261121):
        with contextlib.suppress(ToolchainError):
            dumps.parse(text)

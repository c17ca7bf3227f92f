"""Prints of tensors: captured ones, and those that the installed PyTorch makes now."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_runner.errors import InputError
from deployer.comparison import printed
from tests.damage import damaged

FOLDER = Path(__file__).parent / "references"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_captured_print_gives_what_was_written_down_for_it(name: str) -> None:
    """Names, shapes, values and the half unit of the last place, for every form that PyTorch and numpy print."""
    found = printed.bracketed((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))

    assert len(EXPECTED[name]) == len(found)
    for one, (title, shape, values, rounding) in zip(found, EXPECTED[name], strict=True):
        assert (title, tuple(shape)) == (one.name, one.values.shape)
        np.testing.assert_allclose(one.values.ravel(), [float(value) for value in values], rtol=1e-7)
        assert rounding == pytest.approx(one.rounding)


def test_a_summarised_print_is_refused_with_the_cure() -> None:
    """`...` stands for values that are not there; the hint says how to print them all."""
    with pytest.raises(InputError, match=r"line 1: .*summarised") as caught:
        printed.bracketed((FOLDER / "summarised.txt").read_text(encoding="utf-8"))

    assert "torch.set_printoptions(threshold=" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tensor([[1.0, 2.0],\n        [3.0]])", "line 2: rows of 2 and of 1"),
        ("tensor([[1.0, 2.0],\n        [3.0, ", "line 2: no closing parenthesis"),
        ("[[1.0, 2.0],\n [3.0, ", "line 2: a bracket does not close"),
        ("tensor([1.0, 2.0, 1_0.0])", "'1_0.0' is not a number"),
        ("tensor([ True, False])", "'True' is not a number"),
        ("tensor([1.+2.j])", "is not a number"),
        ("tensor([1.0, [2.0]])", "is not a number of this tensor"),
        ("tensor(x)", "'x' is not a number"),
        ("tensor([1.0], dtype=torch.complex64)", "complex64"),
        ("tensor(indices=tensor([], size=(1, 0)),\n       size=(3,), layout=torch.sparse_coo)", "sparse"),
        ("tensor([2.0], size=(1,), quantization_scheme=torch.per_tensor_affine)", "quantised"),
        ("tensor([1e39])", "beyond float32"),
    ],
)
def test_what_is_no_whole_tensor_is_refused(text: str, fault: str) -> None:
    """Ragged, cut short, of another kind: the line and the fault are named."""
    with pytest.raises(InputError) as caught:
        printed.bracketed(text)

    assert fault in str(caught.value)


def test_columns_are_read_with_their_precision() -> None:
    """Commas, blanks and comments; two decimals are known to within 0.005."""
    found = printed.columns("# scores\n1.25, -2.50;3\n\n  4.75e0  # last\n")

    assert [1.25, -2.5, 3, 4.75] == found.values.tolist()
    assert pytest.approx(0.005) == found.rounding


def test_nine_digits_are_exact() -> None:
    """What pins a float32 down is no rounding at all."""
    assert 0 == printed.columns("0.123456789 -12.3456789").rounding


@pytest.mark.parametrize("text", ["", "# nothing\n", "1.0\nx\n"])
def test_columns_of_something_else_are_refused(text: str) -> None:
    """No number, or a word among them."""
    with pytest.raises(InputError):
        printed.columns(text)


@pytest.mark.torch
@settings(max_examples=80, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=0, max_size=4),
    seed=st.integers(0, 999),
    power=st.sampled_from([-6, -2, 0, 3, 7]),
    precision=st.sampled_from([2, 4, 8]),
    scientific=st.sampled_from([None, True, False]),
    line=st.sampled_from([40, 80, 400]),
)
def test_what_pytorch_prints_now_is_read_within_its_rounding(
    shape: list[int], seed: int, power: int, precision: int, scientific: bool | None, line: int
) -> None:
    """Whatever the shape, size of the values and print options: no value is off by more than `rounding`."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    value = torch.randn(shape) * 10.0**power
    torch.set_printoptions(precision=precision, sci_mode=scientific, linewidth=line)
    try:
        text = repr(value.requires_grad_())
    finally:
        torch.set_printoptions(profile="default")

    (one,) = printed.bracketed(text)

    assert tuple(shape) == one.values.shape
    exact = value.detach().numpy().astype(np.float64)
    error = np.abs(one.values.astype(np.float64) - exact)
    assert (error <= one.rounding + np.abs(exact) * 2.0**-22).all()


def test_damage_of_any_kind_is_an_error_of_one_kind() -> None:
    """5000 damaged prints of every form: tensors or an InputError, nothing else, not even a warning."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.txt"))]

    for text in damaged(texts, count=5000, seed=20261121):
        with contextlib.suppress(InputError):
            if printed.is_bracketed(text):
                printed.bracketed(text)
            else:
                printed.columns(text)

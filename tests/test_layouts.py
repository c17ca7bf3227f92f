"""Bringing one tensor into another's layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer.comparison.layouts import Layout, aligned


def _counting(*shape: int) -> Array:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def _padded(value: Array, last: int) -> Array:
    garbage = np.full((*value.shape[:-1], last), 1e6, np.float32)
    garbage[..., : value.shape[-1]] = value
    return garbage


def test_equal_shapes_are_left_alone() -> None:
    """Nothing is done, and that is said."""
    done = aligned(_counting(1, 50), _counting(1, 50))

    assert ("as given", True) == (done.note, np.array_equal(done.tensor, _counting(1, 50)))


@pytest.mark.parametrize(
    ("have", "want", "axes", "said"),
    [
        ((1, 4, 5, 3), (1, 3, 4, 5), (0, 3, 1, 2), "NHWC turned into NCHW"),
        ((1, 3, 4, 5), (1, 4, 5, 3), (0, 2, 3, 1), "NCHW turned into NHWC"),
        ((2, 4, 4, 3), (2, 3, 4, 4), (0, 3, 1, 2), "NHWC turned into NCHW"),
        ((1, 1, 5, 3), (1, 3, 1, 5), (0, 3, 1, 2), "NHWC turned into NCHW"),
    ],
)
def test_a_turn_that_alone_fits_is_made(
    have: tuple[int, ...], want: tuple[int, ...], axes: tuple[int, ...], said: str
) -> None:
    """Every value lands where numpy's own transposition puts it."""
    value = _counting(*have)

    done = aligned(value, np.zeros(want, np.float32))

    assert np.array_equal(value.transpose(axes), done.tensor)
    assert said == done.note


@pytest.mark.parametrize(
    ("layout", "axes"),
    [
        (None, (0, 1, 2, 3)),
        ("same", (0, 1, 2, 3)),
        ("nhwc->nchw", (0, 3, 1, 2)),
        ("nchw->nhwc", (0, 2, 3, 1)),
    ],
)
def test_a_shape_that_cannot_tell_is_turned_as_stated_only(
    layout: Layout | None, axes: tuple[int, ...]
) -> None:
    """H = W = C: unstated it stays as it is, with a word about it; stated, it is turned."""
    value = _counting(1, 4, 4, 4)

    done = aligned(value, np.zeros((1, 4, 4, 4), np.float32), layout=layout)

    assert np.array_equal(value.transpose(axes), done.tensor)
    assert (layout is None) == ("cannot tell the layout" in done.note)


def test_a_stated_turn_that_does_not_fit_is_refused() -> None:
    """The caller's word goes before a shape that would fit otherwise."""
    with pytest.raises(UsageError, match=r"\[1, 4, 5, 3\] against \[1, 3, 4, 5\]"):
        aligned(_counting(1, 4, 5, 3), _counting(1, 3, 4, 5), layout="nchw->nhwc")


def test_padding_of_the_last_axis_is_cut() -> None:
    """255 channels stored as 256: the surplus never enters the comparison, and the cut is told."""
    value = _counting(1, 2, 2, 255)

    done = aligned(_padded(value, 256), value)

    assert np.array_equal(value, done.tensor)
    assert "last axis cut from 256 to 255" == done.note


def test_padding_is_cut_before_the_turn() -> None:
    """The innermost axis of NHWC is the channels; in NCHW it is another."""
    value = _counting(1, 2, 3, 255)

    done = aligned(_padded(value, 256), np.zeros((1, 255, 2, 3), np.float32))

    assert np.array_equal(value.transpose(0, 3, 1, 2), done.tensor)
    assert "last axis cut from 256 to 255; NHWC turned into NCHW" == done.note


def test_other_padding_is_cut_when_stated_only() -> None:
    """64 scores against 50 may be another model's; an alignment of 64 says that they are not."""
    value = _counting(1, 50)

    assert np.array_equal(value, aligned(_padded(value, 64), value, alignment=64).tensor)
    for last in (56, 64):
        with pytest.raises(UsageError, match=rf"\[1, {last}\] against \[1, 50\]"):
            aligned(_padded(value, last), value)


def test_levels_are_multiplied_by_the_scale_in_float32() -> None:
    """The same single operation as the simulator's, so that equal levels give equal bits."""
    levels = np.array([[-32768, 3, 32767]], np.int16)

    done = aligned(levels, _counting(1, 3), scale=0.000478)

    assert np.array_equal(levels.astype(np.float32) * np.float32(0.000478), done.tensor)
    assert "int16 levels times 0.000478" == done.note


@pytest.mark.parametrize("scale", [None, 0.0, float("nan"), -1.0])
def test_levels_without_a_usable_scale_are_refused(scale: float | None) -> None:
    """Levels against real values mean nothing: both shapes and types are named."""
    with pytest.raises(UsageError, match=r"int16 levels \[1, 3\] against float32 \[1, 3\]"):
        aligned(np.zeros((1, 3), np.int16), _counting(1, 3), scale=scale)


def test_levels_on_both_sides_stay_levels() -> None:
    """Two dumps of raw levels are compared as they are; floats against a reference of levels are refused."""
    levels = np.array([1, 2], np.int16)

    assert np.int16 == aligned(levels, levels).tensor.dtype
    with pytest.raises(UsageError, match="the reference holds int16 levels"):
        aligned(_counting(2), levels)
    for foreign in (np.uint8, np.int32, np.int64):
        with pytest.raises(UsageError, match="a scale alone"):
            aligned(np.zeros(2, foreign), _counting(2), scale=0.5)


@pytest.mark.parametrize(
    ("have", "want"), [((1, 50), (50,)), ((50,), (1, 50)), ((1, 1, 50), (1, 50)), ((4, 5, 3), (1, 4, 5, 3))]
)
def test_a_leading_axis_of_one_comes_and_goes(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    """A batch of one is no difference."""
    value = _counting(*have)

    done = aligned(value, np.zeros(want, np.float32))

    assert want == done.tensor.shape
    assert np.array_equal(value.ravel(), done.tensor.ravel())
    assert "leading axes of 1" in done.note


def test_an_unbatched_picture_is_turned_too() -> None:
    """HWC against 1CHW: the batch is added, then the axes are turned."""
    value = _counting(4, 5, 3)

    done = aligned(value, np.zeros((1, 3, 4, 5), np.float32))

    assert np.array_equal(value.transpose(2, 0, 1)[None], done.tensor)


def test_flat_values_take_the_shape_of_the_reference() -> None:
    """A text of numbers has no shape; row by row is how every dump is written."""
    done = aligned(_counting(12), np.zeros((3, 4), np.float32))

    assert np.array_equal(_counting(3, 4), done.tensor)
    assert "[12] taken as [3, 4], row by row" == done.note


def test_a_flat_picture_needs_a_stated_layout() -> None:
    """Flattened NHWC and flattened NCHW look alike."""
    value = _counting(1, 4, 5, 3)

    with pytest.raises(UsageError, match=r"shapes \[60\] and \[1, 3, 4, 5\]"):
        aligned(value.ravel(), np.zeros((1, 3, 4, 5), np.float32))
    done = aligned(value.ravel(), np.zeros((1, 3, 4, 5), np.float32), layout="nhwc->nchw")
    assert np.array_equal(value.transpose(0, 3, 1, 2), done.tensor)


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ((1, 50), (1, 51)),
        ((4, 6), (6, 4)),
        ((1, 4, 5, 3), (1, 4, 3, 5)),
        ((3, 1, 4), (1, 4, 3)),
        ((2, 50), (50,)),
    ],
)
def test_what_does_not_fit_is_refused_with_both_shapes(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    """A wrong count, a plain transposition, another batch: never squeezed into place."""
    with pytest.raises(UsageError) as caught:
        aligned(_counting(*have), _counting(*want))

    assert f"{list(have)} against {list(want)}" in str(caught.value)


@given(st.tuples(*[st.integers(1, 5)] * 4), st.sampled_from(["nhwc->nchw", "nchw->nhwc"]))
def test_a_stated_turn_and_its_opposite_give_the_tensor_back(shape: tuple[int, ...], layout: Layout) -> None:
    """Whatever the sizes, ones and equal ones included."""
    back: Layout = "nchw->nhwc" if layout == "nhwc->nchw" else "nhwc->nchw"
    axes = (0, 3, 1, 2) if layout == "nhwc->nchw" else (0, 2, 3, 1)
    value = _counting(*shape)

    turned = aligned(value, np.zeros([shape[axis] for axis in axes], np.float32), layout=layout).tensor

    assert np.array_equal(value.transpose(axes), turned)
    assert np.array_equal(value, aligned(turned, value, layout=back).tensor)

"""What comes from outside: taken as its record says, or refused with the place and what would be right."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault, Section


class Inner(Section, frozen=True, kw_only=True):
    """What another section holds."""

    runs: Annotated[int, Meta(ge=1)] = 10
    pause_s: Annotated[float, Meta(gt=0)] = 1.0

    def __post_init__(self) -> None:
        if self.runs == 13:
            raise Fault(("runs",), "must not be the thirteenth")


class Outer(Section, frozen=True, kw_only=True):
    """A field of each kind."""

    name: Annotated[str, Meta(min_length=1)]
    user: Annotated[str, Meta(pattern=r"\A\w+\Z", description="a name of letters")] | None = None
    inner: Inner = Inner()
    perhaps: Inner | None = None
    many: dict[str, tuple[int, ...]] = {}  # noqa: RUF012
    way: Literal["fast", "slow"] = "fast"
    folder: PurePosixPath = PurePosixPath("/tmp")
    key: Path | None = None
    flag: bool = False
    any: Any = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A record that is no section."""

    clip: str
    ms: float | None = None
    shape: tuple[int, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "name: is missing"),
        ({"name": ""}, "name: must be text of length >= 1 (it is '')"),
        ({"name": 3}, "name: must be text, not a whole number (it is 3)"),
        ({"name": "n", "user": "a b"}, "user: must be a name of letters (it is 'a b')"),
        ({"name": "n", "user": 7}, "user: must be a name of letters (it is 7)"),
        ({"name": "n", "nam": 1}, "nam: is not known"),
        ({"name": "n", "inner": {"rusn": 1}}, "inner.rusn: is not known"),
        ({"name": "n", "inner": {"runs": 0}}, "inner.runs: must be a whole number >= 1 (it is 0)"),
        ({"name": "n", "inner": {"runs": 13}}, "inner.runs: must not be the thirteenth (it is 13)"),
        ({"name": "n", "inner": {"pause_s": math.nan}}, "inner.pause_s: must be a number > 0.0 (it is nan)"),
        ({"name": "n", "perhaps": {"runs": 0}}, "perhaps.runs: must be a whole number >= 1 (it is 0)"),
        ({"name": "n", "inner": []}, "inner: must be keys and values, not a list"),
        ({"name": "n", "inner": None}, "inner: must be keys and values, not nothing (it is None)"),
        ({"name": "n", "many": {"a": [1], "b": [2, "x"]}}, "many.b.1: must be a whole number, not text"),
        ({"name": "n", "many": {"a": [1], "b": 2}}, "many.b: must be a list, not a whole number (it is 2)"),
        ({"name": "n", "many": {1: [1]}}, "many: holds a key that is no text"),
        ({"name": "n", "way": "fats"}, "way: must be 'fast' or 'slow' (it is 'fats')"),
        ({"name": "n", "folder": 1}, "folder: must be a path, not a whole number (it is 1)"),
        ([], "all of it: must be keys and values, not a list"),
        (None, "all of it: must be keys and values, not nothing"),
    ],
)
def test_a_fault_says_where_it_is_and_what_is_allowed(data: Any, said: str) -> None:
    """The key from the top, the rule in words, and the value, unless that is a list or mapping."""
    with pytest.raises(Fault) as caught:
        intake.record(Outer, data)

    assert str(caught.value).startswith(said)


def test_an_unknown_key_comes_with_those_that_there_are() -> None:
    """Whoever tells it can say which was meant; no other fault has such a list."""
    with pytest.raises(Fault) as inner:
        intake.record(Outer, {"name": "n", "inner": {"rusn": 1}})
    with pytest.raises(Fault) as perhaps:
        intake.record(Outer, {"name": "n", "perhaps": {"rusn": 1}})
    with pytest.raises(Fault) as other:
        intake.record(Outer, {})

    assert (("inner", "rusn"), ("runs", "pause_s")) == (inner.value.key, inner.value.known)
    assert (("perhaps", "rusn"), ("runs", "pause_s")) == (perhaps.value.key, perhaps.value.known)
    assert inner.value.unknown and not other.value.unknown


def test_numbers_may_stand_in_quotes_and_words_stay_words() -> None:
    """YAML's `port: "22"` is a number, `name: none` is a name, and a path is made of text."""
    made = intake.record(
        Outer,
        {"name": "none", "user": "null", "inner": {"runs": "3", "pause_s": 2}, "key": "~/k", "any": [1]},
    )

    assert (made.name, made.user, made.inner) == ("none", "null", Inner(runs=3, pause_s=2.0))
    assert (made.key, made.any) == (Path("~/k"), [1])


def test_sections_are_frozen_and_copies_are_checked() -> None:
    """Nobody changes a setting in place, and a changed copy obeys the section's own rules."""
    inner = Inner()

    with pytest.raises(AttributeError):
        inner.runs = 2  # type: ignore[misc]
    with pytest.raises(Fault, match="thirteenth"):
        inner.replace(runs=13)
    assert 5 == inner.replace(runs=5).runs


def test_a_record_of_a_later_version_may_have_more_fields() -> None:
    """A dataclass is read from what is there; a damaged field is refused by its place."""
    assert Sample(clip="a") == intake.record(Sample, {"clip": "a", "later": 1})
    with pytest.raises(Fault, match=r"0\.shape\.1: must be a whole number, not text"):
        intake.record(tuple[Sample, ...], [{"clip": "a", "shape": [1, "x"]}])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.text(), st.none() | st.floats(allow_nan=False), st.lists(st.integers()), _JSON)
def test_what_was_written_is_read_again(clip: str, ms: float | None, shape: list[int], note: object) -> None:
    """A record made plain and taken in is the same record."""
    sample = Sample(clip=clip, ms=ms, shape=tuple(shape), notes={"note": note})

    assert sample == intake.record(Sample, intake.plain(sample))


@given(_JSON)
def test_whatever_comes_is_a_record_or_a_fault(data: object) -> None:
    """No data ends in another error, or without a word."""
    for kind in (Outer, Sample):
        try:
            intake.record(kind, data)
        except Fault as e:
            assert str(e)


def test_a_record_may_hold_numpys_numbers_and_paths() -> None:
    """Measurements come as numpy gives them."""
    sample = Sample(clip="a", ms=np.float64(1.5), notes={"at": Path("/a"), 1: (2.0, math.inf)})  # type: ignore[dict-item]

    written = json.dumps(intake.plain(sample))

    assert '{"clip": "a", "ms": 1.5, "shape": [], "notes": {"at": "/a", "1": [2.0, Infinity]}}' == written


def test_what_is_right_needs_no_words() -> None:
    """The module that puts faults into words is loaded at the first fault."""
    code = (
        "import sys; from deployer.board.config import parse_address; parse_address('root@192.168.1.10:2222');"
        "assert 'toolchain_wrappers.intake' in sys.modules;"
        "assert 'toolchain_wrappers.intake_faults' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Shape(intake.Choice):
    """A circle or a box."""

    @classmethod
    def choice(cls, given: Any) -> type[Shape]:
        """By what there is."""
        return Circle if "radius" in given else Box


@dataclass(frozen=True)
class Circle(Shape):
    """One of the choices."""

    radius: float


@dataclass(frozen=True)
class Box(Shape):
    """The other."""

    sides: tuple[float, ...]


@dataclass(frozen=True)
class Drawing:
    """What holds either."""

    shapes: tuple[Shape, ...]


def test_a_field_may_hold_one_of_several_records() -> None:
    """Which one is told by the data; what is wrong in it is told with its place in the whole."""
    drawing = Drawing((Circle(1.0), Box((1.0, 2.0))))

    assert drawing == intake.record(Drawing, intake.plain(drawing))
    with pytest.raises(Fault, match=r"shapes\.1\.sides\.0: must be a number, not text"):
        intake.record(Drawing, {"shapes": [{"radius": 1}, {"sides": ["x"]}]})

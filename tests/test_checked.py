"""Settings that are plainly right need no pydantic, and come out as it would make them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from deployer import quick_kinds
from deployer.board.config import BoardConfig
from deployer.checked import Checked, shape
from deployer.checked_kinds import model_of
from deployer.settings.config import LimitsSection, Settings, ToolchainSection

_WORDS = [
    "",
    "a",
    "eat",
    "/",
    "/a/b",
    "/a/../b",
    "a b",
    "-x",
    "tar",
    "strict",
    "HOST",
    "my var",
    "\ud800",
    "1",
]
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70_000)
    | st.floats(-2, 3)
    | st.just(float("nan"))
    | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=2),
    max_leaves=4,
)
_RECORDS = [BoardConfig, Settings, ToolchainSection, LimitsSection]
_FIELDS = [(record, name) for record in _RECORDS for name in shape(record).kinds]


@given(st.sampled_from(_FIELDS), _VALUES)
def test_a_look_and_pydantic_agree(field: tuple[type[Checked], str], value: Any) -> None:
    """What is taken without pydantic is what pydantic makes of it, of the same types; all else is left to it."""
    record, name = field
    data = {name: value, **({"name": "b", "host": "h"} if record is BoardConfig and name != "host" else {})}
    data = {"name": "b", "host": "h", **data} if record is BoardConfig else data
    try:
        expected = model_of(record).model_validate(data)
    except (ValidationError, UnicodeEncodeError):
        with pytest.raises((ValidationError, UnicodeEncodeError)):
            record.model_validate(data)
        return
    _same(record.model_validate(data), expected)


def _same(found: Checked, expected: BaseModel) -> None:
    assert found.model_fields_set == expected.model_fields_set
    for name in shape(type(found)).kinds:
        mine, theirs = getattr(found, name), getattr(expected, name)
        if isinstance(mine, Checked):
            _same(mine, theirs)
        else:
            assert repr(mine) == repr(theirs), name  # a NaN too


def test_a_usual_board_needs_no_pydantic() -> None:
    """Reading what people write into deploy.yaml loads no pydantic: that takes longer than the board's answer."""
    code = (
        "import sys; from deployer.board.config import BoardConfig, parse_address;"
        "parse_address('root@192.168.1.10:2222'); BoardConfig.model_validate({'name': 'b', 'host': '10.0.0.2',"
        "'port': 22, 'user': 'root', 'key': '~/.ssh/id', 'directory': '/customer/deploy', 'chip': 'PCUPID',"
        "'places': {'resource/*': '/tmp/deploy'}, 'tags': ['a'], 'host_key': 'off', 'connect_timeout_s': 3});"
        "assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_kind_is_known_to_the_look() -> None:
    """No field has an annotation that only pydantic can read, which would make every start slow."""
    for record in _RECORDS:
        known = shape(record)
        for name, kind in known.kinds.items():
            plain = kind.removesuffix(" | None")
            assert kind in known.sections or plain.startswith("Literal[") or plain in quick_kinds.KINDS, name


def test_records_are_frozen_and_closed() -> None:
    """A field cannot be changed, an unknown or a missing one is refused, copies remember what was given."""
    board = BoardConfig(name="b", host="h")
    with pytest.raises(AttributeError):
        board.port = 2  # type: ignore[misc]
    with pytest.raises(TypeError, match="hots"):
        BoardConfig(name="b", host="h", hots="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="host"):
        BoardConfig(name="b")  # type: ignore[call-arg]
    copy = board.model_copy(update={"key": Path("k"), "directory": PurePosixPath("/d")})
    assert copy.model_fields_set == {"name", "host", "key", "directory"} and copy != board
    assert board == BoardConfig(name="b", host="h") and board.env is not BoardConfig(name="b", host="h").env

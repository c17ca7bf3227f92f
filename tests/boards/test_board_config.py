"""Addresses and board records."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from deployer.board.config import BoardConfig, parse_address
from deployer.errors import ConfigError
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("192.168.1.10", "root", "192.168.1.10", 22),
        ("board.local:2222", "root", "board.local", 2222),
        ("ubuntu@10.0.0.7", "ubuntu", "10.0.0.7", 22),
        ("root@127.0.0.1:40001", "root", "127.0.0.1", 40001),
        ("root@[fe80::1%eth0]:23", "root", "fe80::1%eth0", 23),
    ],
)
def test_addresses_are_taken_apart(text: str, user: str, host: str, port: int) -> None:
    """User and port have defaults; the name is what was typed."""
    board = parse_address(text)

    assert (text, user, host, port) == (board.name, board.user, board.host, board.port)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "user@", "host:", "host:0", "host:65536", "host:ssh", "-oProxyCommand=x", "a@b@c", "ssh://x"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """The error shows the text and how to write it."""
    with pytest.raises(ConfigError, match="is not the address of a board") as caught:
        parse_address(text)

    assert "root@192.168.1.10:22" in caught.value.hint


def test_an_address_is_shown_as_it_can_be_typed() -> None:
    """`address` can be parsed back."""
    for text in ("root@192.168.1.10:22", "u@[::1]:2200"):
        assert text == parse_address(text).address


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"directory": "relative"},
        {"directory": "/"},
        {"directory": "/a/../b"},
        {"password_env": "my password!"},
        {"env": {"BAD NAME": "x"}},
        {"connect_timeout_s": 0},
        {"host": "-x"},
        {"pasword_env": "X"},
        {"host_key": "never"},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    """A record that exists is one that can be used."""
    with pytest.raises(Fault):
        intake.record(BoardConfig, {"name": "b", "host": "h", **wrong})


def test_defaults_are_those_of_a_factory_board() -> None:
    """root at port 22, below /customer, with the profile's library path."""
    board = BoardConfig(name="b", host="h")

    assert ("root", 22, PurePosixPath("/customer/deploy")) == (board.user, board.port, board.directory)
    assert {"LD_LIBRARY_PATH": "/lib:/config/lib:/customer/lib"} == board.env

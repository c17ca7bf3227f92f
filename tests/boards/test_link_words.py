"""Pure parts of the connection: what `ssh` is told and says, and how settings and `~/.ssh/config` go together."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from deployer.board.access.dial import open_socket, round_trip_ms
from deployer.board.access.ssh_config import Route, resolve
from deployer.board.clients import openssh_words
from deployer.board.clients.openssh_words import Workplace
from deployer.board.config import BoardConfig, parse_address
from deployer.errors import ConfigError

NO_KEX = (
    "debug1: SSH2_MSG_KEXINIT received\nUnable to negotiate with 10.0.0.2 port 22: no matching key exchange "
    "method found. Their offer: diffie-hellman-group1-sha1,diffie-hellman-group14-sha1\n"
)
OFFERED = "debug1: Offering public key: /k RSA SHA256:x explicit\n"
RSA_DENIED = OFFERED + "root@10.0.0.2: Permission denied (publickey,password).\n"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """`~/.ssh/config` of a home of the test's own."""
    folder = tmp_path / "home/.ssh"
    folder.mkdir(parents=True)
    return folder / "config"


def test_old_algorithms_are_added_one_kind_at_a_time_and_only_what_both_know() -> None:
    """The best that is offered comes first; what has been tried is not tried again; other failures add nothing."""
    first = openssh_words.still_needed(NO_KEX, {})

    assert first == {"KexAlgorithms": "+diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"}
    assert openssh_words.still_needed(NO_KEX, first) == {}
    assert openssh_words.still_needed(NO_KEX.replace("diffie-hellman", "unknown"), {}) == {}
    assert openssh_words.still_needed("ssh: connect to host x port 22: Connection refused\n", {}) == {}


def test_sha1_signatures_are_for_servers_that_are_old_alone() -> None:
    """A refused RSA key is signed with SHA-1 only where the server has shown that it is that old."""
    old = {"HostKeyAlgorithms": "+ssh-rsa"}

    assert openssh_words.still_needed(RSA_DENIED, {}) == {}
    assert "PubkeyAcceptedAlgorithms" in openssh_words.still_needed(RSA_DENIED, old)
    assert openssh_words.still_needed(RSA_DENIED.replace(" RSA ", " ED25519 "), old) == {}


def test_what_a_log_says_is_read() -> None:
    """Greeting, window (given late by OpenSSH), status, key, refusal and last words."""
    late = "debug2: channel 2: open confirm rwindow 0 rmax 32768\ndebug2: channel 2: rcvd adjust 2097152\n"

    assert openssh_words.window_bytes(late) == 2097152
    assert openssh_words.window_bytes("channel 1: open confirm rwindow 24576 rmax 32768\n") == 24576
    assert openssh_words.exit_status("debug2: Received exit status from master 255\n") == 255
    assert openssh_words.exit_status("debug2: Control master terminated unexpectedly\n") is None
    assert openssh_words.shown_key("debug1: Server host key: ssh-rsa SHA256:abc/+\n") == "SHA256:abc/+"
    assert openssh_words.allowed(RSA_DENIED) == "publickey, password" and openssh_words.allowed("") is None
    assert openssh_words.last_words("Warning: x\ndebug1: y\n\n") == "Warning: x"
    assert (
        openssh_words.greeting("... remote software version dropbear_2022.83\n") == "SSH-2.0-dropbear_2022.83"
    )


def test_the_way_over_jump_hosts_keeps_every_word_apart(tmp_path: Path) -> None:
    """Blanks, percent signs and IPv6 addresses pass the two shells on the way; no password is among the words."""
    gate = Route(
        config=BoardConfig(name="g", host="gate", own_user="me", password_prompt=True),
        alias="gate",
        keys=(tmp_path / "a 100%h",),
    )
    board = BoardConfig(name="b", host="fe80::1", jump="gate", password_env="LAB")
    route = Route(config=board, alias="fe80::1", through=(gate,))
    words = openssh_words.master(route, Workplace(folder=tmp_path), {"Ciphers": "+aes128-cbc"})
    (proxy,) = (word for word in words if word.startswith("ProxyCommand="))

    assert words[-2:] == ["--", "fe80::1"] and "Ciphers=+aes128-cbc" in words and "BatchMode=no" in words
    assert "-W '[fe80::1]:22' -- gate" in proxy and "a 100%%h'" in proxy and "BatchMode=yes" in proxy


def test_a_known_host_shows_a_known_key_or_is_refused(tmp_path: Path) -> None:
    """`accept-new` is for hosts of which no key at all is known, so that none is taken for a new kind of key."""
    place = Workplace(folder=tmp_path)
    board = BoardConfig(name="b", host="10.0.0.2")
    route = Route(config=board, alias="10.0.0.2")

    assert "StrictHostKeyChecking=accept-new" in openssh_words.master(
        route, place, {}, "10.0.0.3 ssh-rsa A\n"
    )
    assert "StrictHostKeyChecking=yes" in openssh_words.master(route, place, {}, "10.0.0.2 ssh-rsa A\n")


def test_ssh_config_fills_what_the_user_left_open(written: Path) -> None:
    """A board's own port and user hold; the rest, tokens and chains of jump hosts come from the file."""
    written.write_text(
        "Host cam*\n  HostName %h.lab\n  Port 2200\n  User admin\n  ProxyJump a,ssh://root@b:99\n"
        "Host a\n  HostName 10.1.1.1\n  User gatekeeper\n  ProxyCommand nc %h %p\n"
    )
    open_one = resolve(parse_address("cam1"))
    own = resolve(BoardConfig(name="x", host="cam2", own_port=22, own_user="root", jump="none"))

    assert open_one.config.address == "admin@cam1.lab:2200"
    first, second = open_one.through
    assert (first.config.address, first.proxy_command) == ("gatekeeper@10.1.1.1:22", "nc 10.1.1.1 22")
    assert (second.config.address, second.through) == ("root@b:99", ())
    assert own.config.address == "root@cam2.lab:22" and own.through == () and own.config.jump is None


def test_without_a_file_a_board_is_what_it_says() -> None:
    """No `~/.ssh/config`: the address as given, root on port 22."""
    route = resolve(parse_address("192.168.1.10"))

    assert route.config.address == "root@192.168.1.10:22"
    assert (route.through, route.proxy_command, route.keys) == ((), None, ())


def test_a_jump_host_that_leads_to_itself_is_told(written: Path) -> None:
    """A circle of ProxyJumps is an error, not a recursion."""
    written.write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(ConfigError, match="jump hosts"):
        resolve(BoardConfig(name="x", host="x", jump="a"))


def test_an_include_of_itself_is_told(written: Path) -> None:
    """A circle of Includes is an error too."""
    written.write_text("Include config\n")
    with pytest.raises(ConfigError, match="included in itself"):
        resolve(BoardConfig(name="x", host="x"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="TCP_INFO is Linux's")
def test_the_kernel_tells_the_round_trip() -> None:
    """On loopback it is well below a millisecond, whatever the server does before it answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = BoardConfig(name="b", host="127.0.0.1", own_port=server.getsockname()[1])
        with open_socket(config) as sock:
            measured_ms = round_trip_ms(sock)

    assert measured_ms is not None and 0 < measured_ms < 50

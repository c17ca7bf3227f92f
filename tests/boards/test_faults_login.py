"""A board that cannot be reached or will not let us in: exit 4, where and why and the cure, in seconds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import LoginRefused
from tests.boards.client import Outcome
from tests.boards.conftest import Boards
from tests.boards.rig import RIGS, Rig
from tests.boards.servers import PASSWORD_VARIABLE, roots

BOARD = "root@192.168.1.10:22"


def _asked(rig: Rig, **changes: Any) -> Outcome:
    """Facts, asked straight over the network."""
    config = rig.place.config.replace(**{"connect_timeout_s": 1.0} | changes)
    started = time.monotonic()
    outcome = rig.client.start(config).wait()
    assert time.monotonic() - started < 6
    return outcome


@contextlib.contextmanager
def _listener(rig: Rig, answer: bytes | None) -> Iterator[int]:
    """A port in the client's network that answers everyone with `answer`, or never."""
    with rig.network.inside():
        server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                held.append(server.accept()[0])
                if answer is not None:
                    held[-1].sendall(answer)
                    held[-1].shutdown(socket.SHUT_WR if b"HTTP" in answer else socket.SHUT_RD)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for sock in (server, *held):
        sock.close()


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("drop", "no answer within 1 s"),
        ("reject with tcp reset", "connection refused"),
        ("reject with icmp type host-unreachable", "No route to host"),
    ],
)
def test_a_firewall_is_told_by_what_it_does(rig: Rig, rule: str, words: str) -> None:
    """Dropped, reset or unreachable: each in its own words, and the board answers again without the rule."""
    rig.network.filter(rule)
    outcome = _asked(rig)

    assert (outcome.exit_code, outcome.message) == (4, f"{BOARD}: {words}"), outcome
    assert outcome.hint
    rig.network.heal()
    assert _asked(rig).exit_code == 0


@pytest.mark.parametrize("rig", ["dropbear"], indirect=True)
def test_a_dead_address_is_told(rig: Rig) -> None:
    """Nobody has the address: exit 4 within the time limit."""
    outcome = _asked(rig, host="192.168.1.77")

    assert outcome.exit_code == 4 and outcome.message.startswith("root@192.168.1.77:22: "), outcome
    assert "powered" in outcome.hint


@pytest.mark.parametrize("rig", ["dropbear"], indirect=True)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "no SSH greeting within 1 s"),
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "not an SSH server"),
        (b"220 ftp ready\r\n" * 3, "no SSH greeting within 1 s"),
    ],
    ids=["silent", "http", "ftp"],
)
def test_another_listener_is_told(rig: Rig, answer: bytes | None, words: str) -> None:
    """A port that is silent or speaks another protocol is named as such."""
    with _listener(rig, answer) as port:
        outcome = _asked(rig, host="127.0.0.1", own_port=port)

    assert outcome.exit_code == 4 and f"root@127.0.0.1:{port}: " in outcome.message, outcome
    assert words in outcome.message and outcome.hint


@pytest.mark.parametrize("kind", ["dropbear-password", "openssh-password", "openssh-keyboard"])
def test_a_wrong_password_is_refused(boards: Boards, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every real server: the variable is named, never its value, and the right password gets in."""
    place = boards.of(kind)
    with monkeypatch.context() as wrong:
        wrong.setenv(PASSWORD_VARIABLE, "not-this-one")
        with pytest.raises(LoginRefused, match="log-in refused") as caught, place.board():
            pass
    error = caught.value
    assert error.exit_code == 4 and place.config.address in str(error) and PASSWORD_VARIABLE in str(error)
    assert "not-this-one" not in f"{error} {error.hint} {error.__cause__} {error.__context__}"
    with place.board():
        pass


@pytest.mark.parametrize("rig", [*RIGS], indirect=True)
def test_a_changed_host_key_is_refused_until_forgotten(rig: Rig, tmp_path: Path) -> None:
    """A board flashed anew shows another key: exit 4, both fingerprints, nothing sent, and the cure works."""
    assert _asked(rig).exit_code == 0
    key = rig.place.seen(rig.config.directory.parents[1] / "etc/host_key")
    kept = key.read_bytes()
    roots.new_host_key(key, rig.place.config.name)
    try:
        rig.reboot()
        outcome = rig.client.push(rig.place.config, rig.release(tmp_path / "new"))
        assert (outcome.exit_code, outcome.kind, rig.place.tree()) == (4, "LoginRefused", {}), outcome
        assert outcome.message.count("SHA256:") == 2 and BOARD in outcome.message
        assert f"deploy board forget {rig.place.config.name}" in outcome.hint
    finally:
        key.write_bytes(kept)
        rig.reboot()
    assert _asked(rig).exit_code == 0

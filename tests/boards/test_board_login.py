"""Reaching a board: every way in, and every way to fail, with the words an operator needs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.board.access import hostkeys
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable, ConfigError, LoginRefused
from deployer.events import Event, Logged
from tests.boards.servers import PASSWORD_VARIABLE, Place, free_port, simulated


def _refusal(place: Place, **changes: object) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught, place.board(**changes):
        pass
    return caught.value


@contextlib.contextmanager
def _listener(answer: bytes | None) -> Iterator[int]:
    """A TCP port that says `answer` to everyone and hangs up; with None it says nothing."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                held.append(peer)
                if answer is not None:
                    peer.recv(1024)
                    peer.sendall(answer)
                    peer.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for peer in held:
        peer.close()


def _unreachable(port: int, *, host: str = "127.0.0.1", timeout_s: float = 5.0) -> BoardUnreachable:
    config = BoardConfig(name="b", host=host, own_port=port, connect_timeout_s=timeout_s)
    with pytest.raises(BoardUnreachable) as caught, SshBoard(config):
        pass
    return caught.value


def test_every_kind_of_log_in_works(place: Place) -> None:
    """Key, password and root without password lead to a working connection."""
    with place.board() as board:
        assert board.run(["echo", "in"], timeout_s=10).stdout == b"in\n"


def test_a_wrong_key_is_refused_with_what_was_tried(sim: Place, tmp_path: Path) -> None:
    """The error names address, key, and what the board would allow."""
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)

    error = _refusal(sim, key=other)

    assert f"{sim.config.address}: log-in refused" in str(error) and str(other) in str(error)
    assert "publickey" in error.hint


def test_a_wrong_password_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, not its value, and the cure is to look at that, not to set another."""
    monkeypatch.setenv(PASSWORD_VARIABLE, "not-this-one")
    with simulated(login="password", password="another") as place:
        error = _refusal(place)

    assert PASSWORD_VARIABLE in str(error)
    assert f"is the password in {PASSWORD_VARIABLE} right for root?" in error.hint
    assert "not-this-one" not in f"{error} {error.hint} {error.__cause__} {error.__context__}"


def test_a_wrong_user_is_refused_even_by_a_board_without_passwords() -> None:
    """Only root gets in without anything."""
    with simulated(login="none") as place:
        _refusal(place, own_user="guest")


def test_missing_secrets_are_configuration_errors(sim: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file or variable that is not there is named before anything is connected."""
    monkeypatch.delenv(PASSWORD_VARIABLE)
    with pytest.raises(ConfigError, match="no key file"), sim.board(key=Path("/no/such/key")):
        pass
    with pytest.raises(ConfigError, match=f"{PASSWORD_VARIABLE} is not set"):
        sim.board(password_env=PASSWORD_VARIABLE).connect()


def test_a_key_with_a_passphrase_points_to_the_agent(sim: Place, tmp_path: Path) -> None:
    """We ask for no passphrase; the hint says what to do."""
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked], check=True)

    assert "ssh-add" in _refusal(sim, key=locked).hint


def test_a_file_that_is_no_key_is_a_configuration_error(sim: Place, tmp_path: Path) -> None:
    """The message names the file."""
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ConfigError, match="cannot be read"), sim.board(key=tmp_path / "text"):
        pass


def test_the_first_contact_is_remembered_with_its_fingerprint(sim: Place) -> None:
    """Trust on first use says once what it trusts."""
    assert sim.sim is not None
    events: list[Event] = []
    for _ in range(2):
        with SshBoard(sim.config, emit=events.append):
            pass

    assert [sim.sim.host_key_fingerprint in e.line for e in events if isinstance(e, Logged)] == [True]


def test_a_changed_host_key_is_refused_until_forgotten(tmp_path: Path) -> None:
    """Both fingerprints and the cure are told; after `forget` the board is new again; `off` does not look."""
    port = free_port()
    with simulated(port=port) as place, place.board():
        assert place.sim is not None
        before = place.sim.host_key_fingerprint
    with simulated(port=port) as place:
        assert place.sim is not None
        error = _refusal(place)
        assert before in str(error) and place.sim.host_key_fingerprint in str(error)
        assert f"deploy board forget {place.config.name}" in error.hint
        with place.board(host_key="off"):
            pass
        assert hostkeys.forget(place.config)
        with place.board():
            pass
        assert hostkeys.forget(place.config) and not hostkeys.forget(place.config)


def test_strict_accepts_only_known_keys(sim: Place) -> None:
    """Under `strict` a first contact is refused, a known key is not."""
    assert "unknown host key" in str(_refusal(sim, host_key="strict"))
    with sim.board():
        pass
    with sim.board(host_key="strict"):
        pass


def test_forgetting_one_board_keeps_the_others(sim: Place) -> None:
    """Each address has its own memory."""
    with simulated() as other, other.board(), sim.board():
        pass
    hostkeys.forget(other.config)

    assert hostkeys.known_keys(sim.config, hostkeys.state_dir())


def test_a_closed_port_is_refused_at_once() -> None:
    """The message says that nothing listens, and where."""
    port = free_port()
    error = _unreachable(port)

    assert f"root@127.0.0.1:{port}: connection refused" == str(error)
    assert "sshd" in error.hint and error.exit_code == 4


def test_a_silent_listener_is_given_up_after_the_timeout() -> None:
    """A port that accepts and says nothing does not hold us longer than configured."""
    with _listener(None) as port:
        assert "no SSH greeting within 0.5 s" in str(_unreachable(port, timeout_s=0.5))


def test_another_protocol_is_named_as_such() -> None:
    """A web server is not taken for a board."""
    with _listener(b"HTTP/1.0 400 Bad Request\r\n\r\n") as port:
        assert "not an SSH server" in str(_unreachable(port))


def test_a_host_that_hangs_up_is_an_error() -> None:
    """A connection closed before the greeting is told in one line."""
    with _listener(b"") as port:
        assert "\n" not in str(_unreachable(port))


def test_an_unknown_host_name_is_told() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    assert "no such host" in str(_unreachable(22, host="board.invalid"))

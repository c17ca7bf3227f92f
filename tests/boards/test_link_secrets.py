"""A password is in no configuration, log, process list, file, report or traceback, and host keys are one memory."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.board.access import hostkeys, memory
from deployer.board.config import BoardConfig, as_data
from deployer.board.ssh import SshBoard, forget
from deployer.errors import BoardUnreachable, LoginRefused
from deployer.events import Event
from tests.boards.conftest import Boards
from tests.boards.servers import PASSWORD, PASSWORD_VARIABLE
from tests.boards.servers.scripted import served

CLIENTS = ("paramiko", "openssh")


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """Either client."""
    if request.param == "openssh" and shutil.which("ssh") is None:
        pytest.skip("the `ssh` program is not installed")
    return str(request.param)


class Watch(threading.Thread):
    """Reads the command line of every process, again and again, for a secret."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(daemon=True)
        self._secret = secret
        self._over = threading.Event()
        self.found: list[bytes] = []
        self.rounds = 0

    def run(self) -> None:
        while not self._over.is_set():
            self.rounds += 1
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = entry.read_bytes()
                except OSError:
                    continue
                if self._secret in words:
                    self.found.append(words)

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.fixture
def own_temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All temporary files of the test in one place."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))  # short: sockets are made below it
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder)


def _written(*folders: Path) -> bytes:
    """All that lies in files."""
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
    return b"".join(p.read_bytes() for p in files)


def test_the_password_is_nowhere_to_be_seen(
    client: str, boards: Boards, own_temporary: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While a password opens a board it is on no command line, in no file of ours, no log and no event."""
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    place = boards.of("openssh-keyboard")
    watch = Watch(PASSWORD.encode())
    watch.start()
    with SshBoard(place.config.replace(client=client), emit=events.append) as board:
        board.run(["true"], timeout_s=20)
        written = _written(own_temporary, tmp_path / "state")
    watch.stop()

    assert watch.rounds > 1 and watch.found == []
    assert b"ssh-ed25519" in written and PASSWORD.encode() not in written
    assert PASSWORD not in caplog.text and PASSWORD not in repr(events)
    assert PASSWORD not in json.dumps(as_data(place.config)) + repr(place.config)


def test_no_traceback_tells_the_password(
    client: str, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a traceback with all local variables shows it neither after a refusal nor after a cut log-in."""
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong-and-hidden")
    with pytest.raises(LoginRefused) as caught:
        boards.of("openssh-password").board(client=client).connect()

    assert "wrong-and-hidden" not in _with_locals(caught.value)


def test_a_server_that_hangs_up_at_the_password_learns_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """paramiko's own frames, which hold the password, are not kept with the error."""
    asyncssh = pytest.importorskip("asyncssh")

    class HangsUp(asyncssh.SSHServer):  # type: ignore[misc, name-defined]
        def connection_made(self, connection: object) -> None:
            self.connection = connection

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            self.connection.abort()  # type: ignore[attr-defined]
            return False

    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong-and-hidden")
    with served(server=HangsUp) as port:
        config = BoardConfig(name="b", host="127.0.0.1", own_port=port, password_env=PASSWORD_VARIABLE)
        with pytest.raises(LoginRefused, match="ended the log-in") as caught:
            SshBoard(config).connect()

    assert "wrong-and-hidden" not in _with_locals(caught.value)


def _with_locals(error: BaseException) -> str:
    """The traceback of an error and its causes, of our library and below, with local variables."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = []
    current: traceback.TracebackException | None = shown
    while current is not None:
        frames = [f for f in current.stack if "/tests/" not in f.filename]
        text += [*map(str, current.format_exception_only()), *(repr((f.name, f.locals)) for f in frames)]
        current = current.__cause__ or current.__context__
    return "\n".join(text)


def test_both_clients_go_by_one_known_hosts(boards: Boards) -> None:
    """A key that one has learnt is known to the other, and changed for both."""
    place = boards.of("sshd")
    for first, second in (CLIENTS, CLIENTS[::-1]):
        with place.board(client=first):
            pass
        with place.board(client=second, host_key="strict"):
            pass
        assert 1 == len(hostkeys.known_keys(place.config, hostkeys.state_dir()))
        assert forget(place.config) and not forget(place.config)


def test_an_unknown_key_is_refused_under_strict(client: str, boards: Boards) -> None:
    """The fingerprint is shown, and nothing is learnt."""
    place = boards.of("sshd")
    with pytest.raises(LoginRefused, match="unknown host key SHA256:") as caught:
        place.board(client=client, host_key="strict").connect()

    assert "host_key: tofu" in caught.value.hint
    assert hostkeys.known_keys(place.config, hostkeys.state_dir()) == {}


def test_a_changed_key_is_refused_with_both_fingerprints(client: str, boards: Boards) -> None:
    """The error has the known and the shown key and names the cure; `off` does not look."""
    place, other = boards.of("sshd"), boards.of("sshd-no-sftp")
    with other.board():
        (kind, key) = next(iter(hostkeys.known_keys(other.config, hostkeys.state_dir()).items()))
    shown = _first_contact(place.config)
    path = hostkeys.state_dir() / "known_hosts"
    path.write_text(f"{hostkeys.entry_name(place.config)} {kind} {key}\n")
    known = hostkeys.HostKey(kind=kind, base64=key).fingerprint
    with pytest.raises(LoginRefused, match="host key has changed") as caught:
        place.board(client=client).connect()
    with place.board(client=client, host_key="off"):
        pass

    assert f"known {known}, now {shown}" in str(caught.value)
    assert caught.value.hint.startswith("if the board was flashed anew: deploy board forget sshd;")


def _first_contact(config: BoardConfig) -> str:
    with SshBoard(config):
        (kind, key) = next(iter(hostkeys.known_keys(config, hostkeys.state_dir()).items()))
    return hostkeys.HostKey(kind=kind, base64=key).fingerprint


def test_a_known_key_of_another_kind_is_asked_for(boards: Boards, tmp_path: Path) -> None:
    """paramiko asks for the kind of key that is known, so that a board with several keys is no changed board."""
    from tests.boards.servers import openssh
    from tests.boards.servers.loopback import make_key

    (tmp_path / "sshd").mkdir()
    make_key(tmp_path / "rsa", "rsa")
    kind, key = (tmp_path / "rsa.pub").read_text().split()[:2]
    with openssh(tmp_path / "sshd", sftp=True, more=f"HostKey {tmp_path}/rsa") as place:
        hostkeys.state_dir().mkdir()
        entry = f"{hostkeys.entry_name(place.config)} {kind} {key}\n"
        (hostkeys.state_dir() / "known_hosts").write_text(entry)
        with place.board(host_key="strict") as board:
            assert board.run(["echo", "in"], timeout_s=20).stdout == b"in\n"


def test_one_address_behind_two_jump_hosts_is_two_boards() -> None:
    """Labs use one private address again and again."""
    board = BoardConfig(name="b", host="192.168.1.10")
    names = {hostkeys.entry_name(board.replace(jump=jump)) for jump in (None, "a", "b")}

    assert 3 == len(names) and not any(c in name for name in names for c in " ,*?!#")


def test_what_is_remembered_survives_damage(tmp_path: Path) -> None:
    """A damaged file counts as none, a folder that cannot be written as no memory."""
    board = BoardConfig(name="b", host="192.168.1.10")
    memory.remember(board, "client", "openssh", folder=tmp_path)
    memory.remember(board, "other", {"a": 1}, folder=tmp_path)
    assert memory.recall(board, "client", folder=tmp_path) == "openssh"
    (file,) = (tmp_path / "boards").iterdir()
    file.write_text("{damaged")
    assert memory.recall(board, "client", folder=tmp_path) is None
    memory.remember(board, "client", "openssh", folder=Path("/proc/none"))


def test_a_silent_server_is_given_up_by_both(client: str) -> None:
    """A listener that says nothing is given up in time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        plain = BoardConfig(name="b", host="127.0.0.1", own_port=port, connect_timeout_s=1)
        config = plain.replace(client=client)
        with pytest.raises(BoardUnreachable, match="no SSH greeting within 1 s"):
            SshBoard(config).connect()

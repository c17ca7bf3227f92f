"""Every way in, by both clients: passwords from everywhere, questions, jump hosts, `~/.ssh/config`, agents."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.board.access import memory, passwords
from deployer.board.config import BoardConfig, as_data, parse_address
from deployer.board.ssh import SshBoard, forget
from deployer.errors import BoardUnreachable, ConfigError, LoginRefused
from deployer.events import Event, Logged, Warned
from tests.boards.conftest import Boards
from tests.boards.servers import PASSWORD, PASSWORD_VARIABLE, Place, free_port
from tests.boards.servers.loopback import make_key, wait_for

CLIENTS = ("paramiko", "openssh")
ASKING = """
import json, os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first terminal of a session becomes its own
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from toolchain_wrappers import intake
for _ in range(2):
    with SshBoard(intake.record(BoardConfig, json.loads(sys.argv[1]))) as board:
        print(board.run(["echo", "in"], timeout_s=20).stdout.decode().strip(), flush=True)
"""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """Either client."""
    if request.param == "openssh" and shutil.which("ssh") is None:
        pytest.skip("the `ssh` program is not installed")
    return str(request.param)


@pytest.fixture
def ssh_config(tmp_path: Path) -> Iterator[Any]:
    """Write `~/.ssh/config` (HOME is the test's own)."""
    folder = tmp_path / "home/.ssh"
    folder.mkdir(parents=True, mode=0o700)

    def write(text: str, name: str = "config") -> None:
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)

    yield write


def _gets_in(config: BoardConfig) -> bool:
    with SshBoard(config) as board:
        return board.run(["echo", "in"], timeout_s=20).stdout == b"in\n"


@pytest.mark.parametrize(
    "kind",
    ["openssh-password", "openssh-keyboard", "dropbear-password", "dropbear-no-password", "dropbear", "sshd"],
)
def test_every_way_in_is_open_to_both_clients(kind: str, client: str, boards: Boards) -> None:
    """Key, password, the server's questions, and root without password."""
    assert _gets_in(boards.of(kind).config.replace(client=client))


def test_a_wrong_password_is_refused_in_words(
    client: str, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable and what the board would take, and shows the password nowhere."""
    monkeypatch.setenv(PASSWORD_VARIABLE, "not-this-one")
    with pytest.raises(LoginRefused, match="log-in refused") as caught:
        boards.of("openssh-password").board(client=client).connect()

    assert PASSWORD_VARIABLE in str(caught.value) and "allows password" in caught.value.hint
    assert "not-this-one" not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"


def test_two_factors_are_given_one_after_the_other(client: str, tmp_path: Path, boards: Boards) -> None:
    """A server that wants a key and then a password gets both."""
    place = boards.of("openssh-password")
    assert place.frame is not None
    with _second_server(place, tmp_path, "AuthenticationMethods publickey,password", client) as config:
        assert _gets_in(config)


def test_a_sha1_only_board_is_reached_and_remembered(boards: Boards) -> None:
    """paramiko cannot reach it, `ssh` with old algorithms can: probed, told, remembered until forgotten."""
    place = boards.of("openssh-sha1")
    events: list[Event] = []
    for _ in range(2):
        with SshBoard(place.config, emit=events.append) as board:
            assert board.link().client == "openssh"

    warned = [e.message for e in events if isinstance(e, Warned)]
    assert 2 == len(warned) and "diffie-hellman-group14-sha1" in warned[1] and "ssh-rsa" in warned[1]
    assert memory.recall(place.config, "client") == "openssh"
    assert forget(place.config) and memory.recall(place.config, "client") is None
    with pytest.raises(BoardUnreachable, match="no common SSH algorithms"):
        place.board(client="paramiko").connect()


def test_a_password_comes_from_the_keyring(boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's entry of service `deploy` opens the board; of a missing one the cure is told."""
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class InMemory(backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return PASSWORD if (service, username) == ("deploy", "lab") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        place = boards.of("openssh-password")
        with place.board(password_env=None, password_keyring="lab"):
            pass
        with pytest.raises(ConfigError, match="no password of other") as caught:
            place.board(password_env=None, password_keyring="other").connect()
    finally:
        keyring.set_keyring(before)
    assert "keyring set deploy other" == caught.value.hint


def test_a_password_is_asked_for_at_the_terminal_once(client: str, boards: Boards) -> None:
    """The prompt names the board and shows nothing of the answer; a second connection does not ask again."""
    config = boards.of("openssh-password").config.replace(
        client=client, password_env=None, password_prompt=True
    )
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", ASKING, json.dumps(as_data(config))]
    asking = subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    assert asking.stdout is not None
    with asking, asking.stdout:
        shown = _until(ours, b": ")
        os.write(ours, PASSWORD.encode() + b"\n")
        said = asking.stdout.read()
    with contextlib.suppress(OSError):  # the terminal is gone with its last user
        shown += os.read(ours, 4096)
    os.close(ours)

    assert said == b"in\nin\n"
    assert f"password of {config.address}: " in shown.decode() and PASSWORD not in shown.decode()


def test_without_a_terminal_nobody_is_asked(boards: Boards) -> None:
    """A run without a terminal says so instead of waiting for an answer."""
    config = boards.of("openssh-password").config.replace(password_env=None, password_prompt=True)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys\n" + ASKING.split("\n", 3)[3],
            json.dumps(as_data(config)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )

    assert "ConfigError" in done.stderr and "there is none" in done.stderr


def test_a_jump_host_leads_to_the_board(client: str, boards: Boards, ssh_config: Any) -> None:
    """A board behind a host of ~/.ssh/config is reached through it; both host keys are learnt, each by its name."""
    gate, board = boards.of("sshd"), boards.of("dropbear")
    ssh_config(_stanza("gate", gate))
    events: list[Event] = []
    config = board.config.replace(jump="gate", client=client)
    with SshBoard(config, emit=events.append) as connection:
        assert connection.run(["echo", "in"], timeout_s=20).stdout == b"in\n"
        server = connection.link().server
    learnt = [e.line for e in events if isinstance(e, Logged)]

    assert server is not None and "dropbear" in server
    assert 2 == len(learnt) and {gate.config.address, board.config.address} == {
        x.split(": ")[0] for x in learnt
    }


def test_a_board_that_the_jump_host_cannot_reach_is_told(
    client: str, boards: Boards, ssh_config: Any
) -> None:
    """The error names the board, and that it is the way behind the jump host that fails."""
    gate = boards.of("sshd")
    ssh_config(_stanza("gate", gate))
    config = BoardConfig(name="b", host="127.0.0.1", own_port=1, jump="gate", connect_timeout_s=5)
    config = config.replace(client=client)
    with pytest.raises(BoardUnreachable, match=r"root@127\.0\.0\.1:1: ") as caught:
        SshBoard(config).connect()

    assert "refused" in str(caught.value) or "Connect failed" in str(caught.value)


def test_an_address_takes_the_rest_from_ssh_config(client: str, boards: Boards, ssh_config: Any) -> None:
    """`HostName`, `Port`, `User` and `IdentityFile` of an alias hold, through an `Include` too."""
    place = boards.of("dropbear")
    ssh_config("Include boards/*.conf\n")
    (Path.home() / ".ssh/boards").mkdir()
    ssh_config(_stanza("cam1", place), name="boards/a.conf")

    config = parse_address("cam1").replace(client=client)
    assert _gets_in(config)
    with SshBoard(config) as board:
        assert board.address == place.config.address


def test_what_the_user_gave_goes_before_ssh_config(boards: Boards, ssh_config: Any) -> None:
    """A port, user or key of the board's own is not overruled."""
    place = boards.of("dropbear")
    ssh_config("Host *\n  Port 1\n  User nobody\n  IdentityFile /no/such\n  ProxyJump nowhere\n")

    assert _gets_in(place.config.replace(jump="none", own_user="root"))


def test_a_proxy_command_is_the_connection(
    client: str, boards: Boards, ssh_config: Any, tmp_path: Path
) -> None:
    """`ProxyCommand` of ~/.ssh/config, with its tokens filled in, carries the connection."""
    place = boards.of("dropbear")
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    s.shutdown(1)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    ssh_config(_stanza("cam1", place) + f"  ProxyCommand {sys.executable} {relay} %h %p\n")

    assert _gets_in(parse_address("cam1").replace(client=client))


def test_an_agents_key_opens_the_board(client: str, boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `key:` the agent is asked."""
    place = boards.of("dropbear")
    assert place.config.key is not None
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    told = dict(word.split("=", 1) for word in started.replace(";", "\n").split("\n") if "=" in word)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", told["SSH_AUTH_SOCK"])
        subprocess.run(["ssh-add", "-q", place.config.key], check=True, capture_output=True)
        assert _gets_in(place.config.replace(key=None, client=client))
    finally:
        os.kill(int(told["SSH_AGENT_PID"]), 15)


def test_an_unreadable_ssh_config_is_told(ssh_config: Any) -> None:
    """A line that cannot be understood names the file."""
    ssh_config("Host x\n  this is = = no\nMatch nonsense\n")
    with pytest.raises(ConfigError, match=r"\.ssh/config"):
        SshBoard(BoardConfig(name="x", host="x")).connect()


def test_a_secret_does_not_show_itself() -> None:
    """Neither `repr` nor `str` nor a pickle tells it."""
    secret = passwords.Secret("hidden-word")

    assert "hidden" not in f"{secret} {secret!r} {[secret]}" and secret.reveal() == "hidden-word"
    with pytest.raises(TypeError):
        secret.__reduce__()


@contextlib.contextmanager
def _second_server(place: Place, folder: Path, line: str, client: str) -> Iterator[BoardConfig]:
    """One more sshd on a framed board, with a key of its own and `line` in its configuration."""
    make_key(folder / "key")
    port = free_port()
    config = (place.root / "etc/sshd_config").read_text().replace("PubkeyAuthentication no", "")
    lines = [f"ListenAddress 127.0.0.1:{port}", "AuthorizedKeysFile /root/.ssh/second", line]
    kept = [x for x in config.splitlines() if not x.startswith("ListenAddress")]
    (place.root / "etc/second_config").write_text("\n".join([*lines, *kept, ""]))
    (place.root / "root/.ssh/second").write_bytes((folder / "key.pub").read_bytes())
    words = ["chroot", str(place.root), "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/second_config"]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("127.0.0.1", port, lambda: "no log")
        yield place.config.replace(own_port=port, key=folder / "key", client=client)
    finally:
        server.terminate()
        server.wait(10)


def _stanza(alias: str, place: Place) -> str:
    config = place.config
    return (
        f"Host {alias}\n  HostName {config.host}\n  Port {config.port}\n  User {config.user}\n"
        f"  IdentityFile {config.key}\n"
    )


def _until(descriptor: int, end: bytes) -> bytes:
    """What a terminal shows up to `end`."""
    shown = b""
    while not shown.endswith(end):
        shown += os.read(descriptor, 1024)
    return shown

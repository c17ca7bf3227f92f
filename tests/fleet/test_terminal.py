"""`deploy board shell`: the OpenSSH client, our host keys, the board's settings."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer.board.config import BoardConfig
from deployer.fleet.terminal import shell_argv
from tests.boards import servers
from tests.fleet.rack import project


def test_the_words_carry_the_boards_settings_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port, user, key, host-key policy, jump host and variables; the password is asked for by ssh itself."""
    monkeypatch.setenv("BOARD_PASSWORD", "hunter2")
    config = BoardConfig(
        name="a",
        host="10.0.0.1",
        own_port=2222,
        own_user="admin",
        key=tmp_path / "key with blank",
        password_env="BOARD_PASSWORD",
        jump="ops@gate:2200",
        host_key="strict",
        env={"LD_LIBRARY_PATH": "/a b"},
    )

    words = shell_argv(config, folder=tmp_path)

    assert {"Port=2222", "User=admin", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"} <= set(words)
    assert f'UserKnownHostsFile="{tmp_path}/known_hosts"' in words
    assert ["-i", str(tmp_path / "key with blank")] == words[words.index("-i") :][:2]
    (proxy,) = [word for word in words if word.startswith("ProxyCommand=")]
    assert "Port=2200" in proxy and "-W 10.0.0.1:2222 -- gate" in proxy
    assert words[-1].startswith("export LD_LIBRARY_PATH='/a b'; exec ")
    assert not any("hunter2" in word for word in words)


@pytest.mark.skipif(servers.sshd_missing() is not None, reason=str(servers.sshd_missing()))
@pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is not installed")
def test_a_shell_on_a_real_server_ends_with_its_own_status(tmp_path: Path) -> None:
    """A terminal there with the board's variables; the key that deploy knows is the key that ssh believes."""
    (tmp_path / "sshd").mkdir()
    with servers.openssh(tmp_path / "sshd", sftp=True) as place:
        config = place.config.replace(name="desk")
        path = project(tmp_path, [config], board_defaults={"user": config.user})
        deploy = str(Path(sys.executable).with_name("deploy"))
        probe = [deploy, "board", "probe", "desk", "--config", str(path), "-q"]
        subprocess.run(probe, check=True, stdout=subprocess.DEVNULL)
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [deploy, "board", "shell", "desk", "--config", str(path)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            os.write(ours, b"echo lib-$LD_LIBRARY_PATH-$((6*7)); tty; exit 23\n")
            said = _read(ours)
            assert 23 == process.wait(20), said
    assert "lib-/lib:/config/lib:/customer/lib-42" in said
    assert "/dev/pts/" in said
    assert "authenticity" not in said  # ssh has not asked whether to trust the key


def _read(terminal: int) -> str:
    said, deadline = b"", time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            said += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
    os.close(terminal)
    return said.decode("utf-8", "replace")

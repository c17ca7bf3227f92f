"""The SSH side of the simulated board: who may log in, and what a command does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import asyncssh

from board_runner.simboard import nodes
from board_runner.simboard.flash import STATE_FOLDER, Flash
from board_runner.simboard.paths import to_private

_CHUNK = 1 << 16
_KILL_AGAIN_S = 0.1
_END_S = 5.0


class Login(asyncssh.SSHServer):
    """Lets in by key, by password or, as factory images do, root without either."""

    def __init__(
        self,
        *,
        user: str,
        key: asyncssh.SSHKey | None,
        password: str | None,
        connections: set[asyncssh.SSHServerConnection],
    ) -> None:
        self._user = user
        self._key = key
        self._password = password
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember the connection, so that a stop can cut it."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Whether anything must be shown."""
        return username != self._user or self._key is not None or self._password is not None

    def public_key_auth_supported(self) -> bool:
        """Offered where a key is known."""
        return self._key is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """The one key of the one user."""
        return username == self._user and self._key is not None and key.public_data == self._key.public_data

    def password_auth_supported(self) -> bool:
        """Offered where there is one."""
        return self._password is not None

    def validate_password(self, username: str, password: str) -> bool:
        """The one password of the one user."""
        return username == self._user and password == self._password


class Link:
    """The cable: counts what comes in, and can be set to break."""

    def __init__(self) -> None:
        self.drop_after_bytes: int | None = None
        self.received_bytes = 0

    def received(self, count: int, abort: Callable[[], None]) -> None:
        """Count; beyond `drop_after_bytes` cut the connection, once."""
        self.received_bytes += count
        if self.drop_after_bytes is not None and self.received_bytes > self.drop_after_bytes:
            self.drop_after_bytes = None
            abort()


class Programs:
    """The board's running programs, each in a process group of its own."""

    def __init__(self, root: Path, *, flash: Flash, link: Link, env: Mapping[str, str]) -> None:
        self._root = root
        self._link = link
        self._env = environment(root, flash, env)
        self._groups: set[int] = set()
        self._serving: set[asyncio.Task[Any]] = set()

    async def serve(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run one command with a real shell, as sshd does, and pass its streams and its end on."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        nodes.refresh_heat(self._root)
        command = session.command
        argv = ["/bin/sh"] if command is None else ["/bin/sh", "-c", to_private(command, str(self._root))]
        child = await asyncio.create_subprocess_exec(
            *argv,
            cwd=self._root,
            env=self._env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._groups.add(child.pid)
        feeding = asyncio.create_task(self._feed(session, child))
        try:
            await asyncio.gather(_pump(child.stdout, session.stdout), _pump(child.stderr, session.stderr))
            status = await child.wait()
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        with contextlib.suppress(OSError, asyncssh.Error):
            if status < 0:
                session.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
            else:
                session.exit(status)

    async def end(self) -> None:
        """Kill every program, also those that are only being started, and see them off.

        A task that is cancelled while asyncio starts its process waits for ever (for pipes that nobody connects any
        more): so all have to be over before the loop is.
        """
        deadline = time.monotonic() + _END_S  # a program's child in a session of its own may keep a pipe open
        while self._serving and time.monotonic() < deadline:
            self.kill_all()
            await asyncio.wait(self._serving, timeout=_KILL_AGAIN_S)

    def kill_all(self) -> None:
        """End every program that is left, with its children."""
        for group in self._groups:
            _kill_group(group)
        self._groups.clear()

    async def _feed(
        self, session: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process
    ) -> None:
        sink = child.stdin
        assert sink is not None
        try:
            while True:
                try:
                    data = await session.stdin.read(_CHUNK)
                except asyncssh.SignalReceived as e:
                    os.killpg(child.pid, getattr(signal, f"SIG{e.signal}", signal.SIGTERM))
                    continue
                except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
                    continue
                if not data:
                    return
                sink.write(data)
                await sink.drain()
                self._link.received(len(data), session.channel.get_connection().abort)
        except (OSError, asyncssh.Error):
            return  # the program does not listen any more, or the connection is gone
        finally:
            sink.close()


def environment(root: Path, flash: Flash, extra: Mapping[str, str]) -> dict[str, str]:
    """What a login sets; the board's own applets and our interpreter come first on PATH."""
    path = [
        str(root / STATE_FOLDER / "bin"),
        str(Path(sys.executable).parent),
        os.environ.get("PATH", os.defpath),
    ]
    return {
        "HOME": str(root),
        "PATH": os.pathsep.join(path),
        "TMPDIR": str(root / "tmp"),
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/sh",
        "SGS_KMSG": str(nodes.kernel_log(root)),
        "SGS_ROOT": str(root),
        "SGS_FLASH_KIB": str(flash.size_bytes // 1024),
        **extra,
    }


async def _pump(source: asyncio.StreamReader | None, sink: asyncssh.SSHWriter[bytes]) -> None:
    assert source is not None
    listening = True
    while data := await source.read(_CHUNK):
        if not listening:
            continue  # the client is gone; an unread pipe would stop the program
        try:
            sink.write(data)
            await sink.drain()
        except (OSError, asyncssh.Error):
            listening = False


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)

"""A simulated board: a real SSH server over a private directory, run in a thread."""

from __future__ import annotations

import asyncio
import re
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import asyncssh

from board_runner.errors import UsageError
from board_runner.simboard import applets, nodes
from board_runner.simboard.flash import STATE_FOLDER, BoardSftp, Flash
from board_runner.simboard.server import Link, Login, Programs

_SHELL_SAFE = re.compile(r"[A-Za-z0-9/._+-]+\Z")
_HEAT_PERIOD_S = 1.0


@dataclass(frozen=True, kw_only=True)
class SimBoardConfig:
    """How a simulated board is made.

    `root` is its directory (kept, with its host key, from one start to the next); without one a temporary
    directory that goes with the board. `login` says how `user` gets in. `flash_kib` is what `df` reports and
    SFTP enforces over the whole directory.
    """

    root: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    user: str = "root"
    login: Literal["key", "password", "none"] = "key"
    password: str = ""
    sftp: bool = True
    chip: str = "pcupid"
    flash_kib: int = 105_344
    drop_after_bytes: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


class SimBoard:
    """A running simulated board; a context manager that stops it and all its programs."""

    def __init__(self, config: SimBoardConfig) -> None:
        self.config = config
        self._temporary = tempfile.TemporaryDirectory(prefix="simboard-")
        home = Path(self._temporary.name).resolve()
        self.root = (home / "board" if config.root is None else config.root).resolve()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            self._temporary.cleanup()
            raise UsageError(
                f"{self.root}: the simulated board's folder cannot be made: {e.strerror}",
                hint="choose another --root, or none for a temporary one",
            ) from e
        self._shell_root = self.root
        if not _SHELL_SAFE.match(str(self.root)):  # command texts name it: blanks and quotes would not do
            self._shell_root = home / "link"
            self._shell_root.symlink_to(self.root)
        self.host = config.host
        self.port = config.port
        self.host_key_fingerprint = ""
        self.link = Link()
        self.link.drop_after_bytes = config.drop_after_bytes
        self._flash = Flash(self.root, config.flash_kib)
        self._programs = Programs(self._shell_root, flash=self._flash, link=self.link, env=config.env)
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="simboard", daemon=True)

    @property
    def client_key_path(self) -> Path:
        """The private key that this board lets in (login `key`)."""
        return self.root / STATE_FOLDER / "client_key"

    @property
    def address(self) -> str:
        """`user@host:port`."""
        return f"{self.config.user}@{self.host}:{self.port}"

    @property
    def kernel_log(self) -> Path:
        """What `dmesg` on the board shows."""
        return nodes.kernel_log(self.root)

    def start(self) -> Self:
        """Begin to listen. Raises UsageError when the address cannot be had or the chip is unknown."""
        try:
            nodes.lay_out(self.root, self.config.chip)
            applets.install(self.root / STATE_FOLDER / "bin")
            self._thread.start()
        except BaseException:
            self.stop()
            raise
        self._ready.wait()
        if self._failure is not None:
            self.stop()
            place = f"{self.config.host}:{self.config.port}"
            raise UsageError(
                f"the simulated board cannot listen on {place}: {self._failure}",
                hint="choose another --port, or 0 for a free one",
            ) from self._failure
        return self

    def stop(self) -> None:
        """Close all connections and kill all programs; a temporary directory is removed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._programs.kill_all()
        self._loop.close()
        self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            server = await self._listen()
        except (OSError, OverflowError, asyncssh.Error) as e:  # OverflowError: a port above 65535
            self._failure = e
            self._ready.set()
            return
        self.port = server.get_port()
        self._ready.set()
        while not self._stopping.is_set():
            nodes.refresh_heat(self.root)
            try:
                await asyncio.wait_for(self._stopping.wait(), _HEAT_PERIOD_S)
            except TimeoutError:
                continue
        self._programs.kill_all()
        server.close()
        await server.wait_closed()
        await self._hang_up()
        await self._programs.end()

    async def _hang_up(self) -> None:
        cut = list(self._connections)
        for connection in cut:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in cut), return_exceptions=True)

    def drop_connections(self) -> None:
        """Cut every connection without a word, as a board that loses its network or power."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        host_key = _kept_key(self.root / STATE_FOLDER / "host_key")
        self.host_key_fingerprint = host_key.get_fingerprint()
        client_key = _kept_key(self.client_key_path) if self.config.login == "key" else None
        password = self.config.password if self.config.login == "password" else None
        return await asyncssh.listen(
            self.config.host,
            self.config.port,
            server_host_keys=[host_key],
            server_factory=lambda: Login(
                user=self.config.user, key=client_key, password=password, connections=self._connections
            ),
            process_factory=self._programs.serve,
            encoding=None,
            sftp_factory=self._sftp if self.config.sftp else None,
            allow_scp=False,
            login_timeout=30,
            server_version="simboard",
        )

    def _sftp(self, chan: Any) -> BoardSftp:
        connection = chan.get_connection()
        return BoardSftp(
            chan,
            flash=self._flash,
            on_received=lambda count: self.link.received(count, connection.abort),
            on_open=lambda: nodes.refresh_heat(self.root),
        )


def _kept_key(path: Path) -> asyncssh.SSHKey:
    """The key at `path`, made on the first start."""
    if path.is_file():
        return asyncssh.read_private_key(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(mode=0o600)
    key.write_private_key(path)
    key.write_public_key(path.with_suffix(".pub"))
    return key

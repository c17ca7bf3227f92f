"""An SSH server that does just what a test wants of it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import asyncssh


@contextlib.contextmanager
def served(session: Any = None, server: Any = None) -> Iterator[int]:
    """A port on loopback, with asyncssh's `session` for each channel or `server` for each connection.

    Without `server` everybody is let in.
    """

    class Open(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def session_requested(self) -> Any:
            return session()

    held: list[asyncssh.SSHServerConnection] = []
    base: Any = server or Open

    class Kept(base):  # type: ignore[misc]
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            held.append(conn)
            super().connection_made(conn)

    loop = asyncio.new_event_loop()
    key = asyncssh.generate_private_key("ssh-ed25519")
    listening = loop.run_until_complete(
        asyncssh.create_server(Kept, "127.0.0.1", 0, server_host_keys=[key], encoding=None)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield listening.get_port()
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening, held), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(listening: asyncssh.SSHAcceptor, held: list[asyncssh.SSHServerConnection]) -> None:
    listening.close()
    await listening.wait_closed()
    for connection in held:
        connection.abort()
    await asyncio.sleep(0.05)  # what is under way ends

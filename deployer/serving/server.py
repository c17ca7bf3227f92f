"""The application behind a socket of this machine."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from board_runner.errors import UsageError
from deployer.errors import MachineRefused
from deployer.project import Project
from deployer.serving import guard
from deployer.serving.app import App

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

IDLE_S = 30.0
"""How long a connection may say nothing."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that listens. `run` answers until an interrupt (or `stop`, from another thread)."""

    url: str
    port: int
    behind: BaseWSGIServer

    def run(self) -> None:
        """Answer, in threads, until interrupted."""
        self.behind.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """From another thread than `run`'s."""
        self.behind.shutdown()


@contextlib.contextmanager
def listening(project: Project, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """A socket at `host` that clients can connect to from now on; port 0 takes a free one.

    Raises UsageError for an address that is not this machine's, MachineRefused for a port that is not to be had.
    """
    app = App(project, names=[] if guard.is_loopback(host) else [host, socket.gethostname()])
    with contextlib.closing(_bound(host, port)) as bound:  # the server takes a duplicate
        behind = make_server(host, port, app, threaded=True, request_handler=_Handler, fd=bound.fileno())
    try:
        name = f"[{host}]" if ":" in host else host
        yield Server(url=f"http://{name}:{behind.port}/", port=behind.port, behind=behind)
    finally:
        behind.server_close()


class _Handler(WSGIRequestHandler):
    timeout = IDLE_S

    def log_request(self, *_: Any) -> None:
        """Nothing: a page that looks each second would fill the terminal."""

    def version_string(self) -> str:
        """No more than the name."""
        return "deploy"


def _bound(host: str, port: int) -> socket.socket:
    place = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as e:
        raise UsageError(
            f"{host}: no address of this machine ({e})", hint="--host 127.0.0.1 is this machine alone"
        ) from e
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()
    except OSError as e:
        bound.close()
        raise _refused(e, place) from e
    return bound


def _refused(error: OSError, place: str) -> UsageError:
    what = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return MachineRefused(
            f"{place}: another program listens there", hint="--port 0 takes a free port; or choose another"
        )
    if error.errno == errno.EACCES:
        return MachineRefused(
            f"{place}: this machine does not let you listen there", hint="choose a port above 1023, or 0"
        )
    return UsageError(f"{place}: {what}", hint="--host 127.0.0.1 is this machine alone")

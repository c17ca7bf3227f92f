"""paramiko's transport, which asks for the log-in service once, and waits for it no longer than allowed."""

from __future__ import annotations

import threading
from typing import Any

import paramiko
from paramiko.common import cMSG_SERVICE_REQUEST
from paramiko.ssh_exception import SSHException
from paramiko.transport import ServiceRequestingTransport


class BoardTransport(ServiceRequestingTransport):
    """A transport on which several ways to log in can be tried one after the other.

    The plain transport repeats the service request, which some servers answer by hanging up; the class it is
    derived from polls ten times a second, and for ever when the connection goes meanwhile.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._service_accepted = threading.Event()
        super().__init__(*args, **kwargs)

    def _parse_service_accept(self, m: paramiko.Message) -> None:
        super()._parse_service_accept(m)  # type: ignore[misc]
        self._service_accepted.set()

    def ensure_session(self) -> None:
        """Ask for the service on the first call. Raises SSHException."""
        if not self.is_active() or not self.initial_kex_done:
            raise SSHException("No existing session")
        if self._service_accepted.is_set():
            return
        message = paramiko.Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        self._send_message(message)  # type: ignore[attr-defined]
        waited_s = 0.0
        while not self._service_accepted.wait(0.5):
            waited_s += 0.5
            if not self.is_active() or waited_s >= self.auth_timeout:
                raise SSHException("the log-in service did not answer")
        self.auth_handler = self.get_auth_handler()

    def auth_none(self, username: str) -> list[str]:
        """Ask to be let in without anything (paramiko 5.1 itself fails on this, for want of a callback)."""
        self.ensure_session()
        handler: Any = self.auth_handler
        more: list[str] = handler.send_auth_request(username, "none", finish_message=lambda message: None)
        return more

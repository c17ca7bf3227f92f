"""paramiko's transport, made to ask for the log-in service once a connection and no more."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.common import cMSG_SERVICE_REQUEST


class BoardTransport(paramiko.Transport):
    """A transport on which several ways to log in can be tried one after the other.

    The plain transport repeats the service request for each, at which some servers hang up. paramiko's own
    remedy, `ServiceRequestingTransport`, loses answers that come at once: about one log-in in a hundred on
    loopback then waits out its time limit.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._service_requested = False
        super().__init__(*args, **kwargs)

    def _send_message(self, data: paramiko.Message) -> None:
        if data.asbytes()[:1] == cMSG_SERVICE_REQUEST:
            if self._service_requested:
                handler: Any = self.auth_handler
                handler._parse_service_accept(_service_accepted())  # as if the server had answered again
                return
            self._service_requested = True
        super()._send_message(data)  # type: ignore[misc]


def _service_accepted() -> paramiko.Message:
    message = paramiko.Message()
    message.add_string("ssh-userauth")
    message.rewind()
    return message

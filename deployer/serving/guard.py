"""Who may ask, and what a browser is told it may do with the answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere and no inline script; plots carry their colours in `style` attributes."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def is_trusted(host: str | None, names: Collection[str]) -> bool:
    """Whether the `Host` of a request is this server's: `localhost`, one of `names`, or any plain address.

    Another site's page that has its own name resolve to this machine (DNS rebinding) would read the history; it
    can do so by a name only, never by an address.
    """
    if not host:
        return False
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if _is_address(name.removeprefix("[").removesuffix("]")):
        return True
    return name.lower().rstrip(".") in {"localhost", *(each.lower() for each in names)}


def is_loopback(host: str) -> bool:
    """Whether only this machine can ask at `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

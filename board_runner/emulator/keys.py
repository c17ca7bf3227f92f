"""A dropbear server's host key, made here: the board's own dropbearkey may be ARM code."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KIND = b"ssh-ed25519"


@dataclass(frozen=True, kw_only=True)
class HostKey:
    """A key in dropbear's format, and what clients see of it."""

    content: bytes
    fingerprint: str  # `SHA256:...`, as OpenSSH prints it


def new_host_key() -> HostKey:
    """A fresh Ed25519 key. Dropbear's file: the kind, then seed and public half in one string of 64 bytes."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    digest = hashlib.sha256(_string(_KIND) + _string(public)).digest()
    return HostKey(
        content=_string(_KIND) + _string(key.private_bytes_raw() + public),
        fingerprint=f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}",
    )


def _string(content: bytes) -> bytes:
    """An SSH string: its length in four bytes, then itself (RFC 4251, section 5)."""
    return struct.pack(">I", len(content)) + content

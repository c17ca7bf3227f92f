"""A dropbear server's host key, made here: the board's own dropbearkey may be ARM code."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KIND = b"ssh-ed25519"
_PUBLIC_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class HostKey:
    """A key in dropbear's format, and what clients see of it."""

    content: bytes
    fingerprint: str  # `SHA256:...`, as OpenSSH prints it


def new_host_key() -> HostKey:
    """A fresh Ed25519 key. Dropbear's file: the kind, then seed and public half in one string of 64 bytes."""
    key = Ed25519PrivateKey.generate()
    halves = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return _host_key(_string(_KIND) + _string(halves))


def kept_host_key(path: Path) -> HostKey:
    """The key at `path`, made on the first call: a board has the same one after every start."""
    if path.is_file():
        return _host_key(path.read_bytes())
    path.touch(mode=0o600)
    key = new_host_key()
    path.write_bytes(key.content)
    return key


def _host_key(content: bytes) -> HostKey:
    digest = hashlib.sha256(_string(_KIND) + _string(content[-_PUBLIC_BYTES:])).digest()
    text = base64.b64encode(digest).decode().rstrip("=")
    return HostKey(content=content, fingerprint=f"SHA256:{text}")


def _string(content: bytes) -> bytes:
    """An SSH string: its length in four bytes, then itself (RFC 4251, section 5)."""
    return struct.pack(">I", len(content)) + content

"""SSH servers of an address range: one TCP connect each, the greeting read, nothing sent."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from board_runner.errors import UsageError
from deployer.events import Advanced, Emit, Finished, Started

STEP = "find"
MOST = 1024
"""Addresses in one search: a `/22`. More would be a scan of someone's network by a slip of the finger."""

_AT_ONCE = 64
_GREETING_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Found:
    """What answered there as an SSH server."""

    host: str
    port: int
    greeting: str  # SSH-2.0-dropbear_2022.83


def addresses(text: str) -> list[str]:
    """`192.168.1.0/24`, `192.168.1.10-20`, `192.168.1.10-192.168.1.20` or one address -> the hosts meant.

    Raises UsageError for anything else, and for more than MOST of them.
    """
    try:
        first, last = _bounds(text)
    except ValueError as e:
        raise UsageError(
            f"{text!r} is not a range of addresses: {e}",
            hint="write 192.168.1.0/24, 192.168.1.10-20, or one address",
        ) from e
    count = int(last) - int(first) + 1
    if count > MOST:
        raise UsageError(
            f"{text} is {count} addresses; at most {MOST} are asked", hint="give a smaller range"
        )
    if count < 1:
        raise UsageError(f"{text}: the last address comes before the first", hint="turn them round")
    return [str(first + step) for step in range(count)]


def find(hosts: Sequence[str], *, port: int, timeout_s: float, emit: Emit) -> list[Found]:
    """Those of `hosts` that greet as SSH servers, in their order; a silent or foreign one is passed over."""
    emit(Started(step=STEP, total=len(hosts), unit="addresses"))
    found = asyncio.run(_ask_all(hosts, port, timeout_s, emit))
    emit(Finished(step=STEP, note=f"{len(found)} SSH servers at {len(hosts)} addresses"))
    return found


def _bounds(text: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    if "/" in text:
        network = ipaddress.IPv4Network(text, strict=False)
        inner = 0 if network.num_addresses <= 2 else 1  # neither the network's own address nor broadcast
        return network[inner], network[-1 - inner]
    first, dash, last = text.partition("-")
    low = ipaddress.IPv4Address(first.strip())
    if not dash:
        return low, low
    last = last.strip()
    if "." not in last:
        last = f"{str(low).rpartition('.')[0]}.{last}"
    return low, ipaddress.IPv4Address(last)


async def _ask_all(hosts: Sequence[str], port: int, timeout_s: float, emit: Emit) -> list[Found]:
    gate = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def ask(host: str) -> Found | None:
        nonlocal done
        async with gate:
            greeting = await _greeting(host, port, timeout_s)
        done += 1
        emit(Advanced(step=STEP, done=done, total=len(hosts), note=host if greeting else ""))
        return Found(host=host, port=port, greeting=greeting) if greeting else None

    return [found for found in await asyncio.gather(*(ask(host) for host in hosts)) if found is not None]


async def _greeting(host: str, port: int, timeout_s: float) -> str:
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, limit=_GREETING_BYTES)
            try:
                return await _first_line(reader)
            finally:
                writer.transport.abort()
    return ""


async def _first_line(reader: asyncio.StreamReader) -> str:
    """A server may send other lines before the one that begins with `SSH-` (RFC 4253, 4.2)."""
    for _ in range(20):
        line = (await reader.readline()).decode("latin-1").strip()
        if line.startswith("SSH-"):
            return "".join(c if c.isprintable() else "?" for c in line)
        if not line:
            break
    return ""

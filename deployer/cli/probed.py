"""What a board says of itself, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from deployer.board.base import BoardFacts, IpuFacts, PlaceFacts
from deployer.fleet.jobs import Probed
from deployer.running import abi

COLUMNS = ("chip", "programs", "kernel", "free KiB", "memory KiB", "IPU used by", "server")
_UNKNOWN = "unknown"


def as_data(probed: Probed) -> dict[str, Any]:
    """The facts as JSON."""
    facts = probed.facts
    return asdict(facts) | {
        "applets": sorted(facts.applets),
        "libc": facts.libc,
        "clock_is_set": facts.clock_is_set,
        "link": asdict(probed.link),
    }


def row(probed: Probed) -> tuple[str, ...]:
    """The cells of COLUMNS."""
    facts = probed.facts
    owners = ", ".join(owner.name for owner in facts.ipu.owners) if facts.ipu else ""
    values = (facts.chip, _programs(facts), facts.kernel, facts.free_kib, facts.memory_available_kib)
    return (*("-" if value is None else str(value) for value in values), owners, probed.link.server or "-")


def in_one_line(facts: BoardFacts) -> str:
    """What a board is: chip, machine, room."""
    free = f"{facts.free_kib} KiB free" if facts.free_kib is not None else "free space unknown"
    return f"chip {facts.chip or _UNKNOWN}, {facts.machine or 'unknown machine'}, {free}"


def lines(address: str, probed: Probed) -> Iterator[str]:
    """Everything, a line each; `unknown` where the board does not say."""
    facts, link = probed.facts, probed.link
    shown: list[tuple[str, object]] = [
        ("address", address),
        ("server", link.server),
        ("client", link.client),
        ("machine", facts.machine),
        ("kernel", facts.kernel),
        ("chip", facts.chip),
        ("programs", _programs(facts)),
        ("loaders", ", ".join(facts.loaders) or "none" if facts.loaders is not None else None),
        ("BusyBox", facts.busybox),
        ("memory available", _unit(facts.memory_available_kib, "KiB")),
        ("clock", _clock(facts)),
        ("up for", _unit(None if facts.uptime_s is None else round(facts.uptime_s), "s")),
        ("temperature", _unit(facts.temperature_c, "°C")),
        *((f"frequency {node}", said) for node, said in facts.frequencies),
        *((f"room in {place.path}", _place(place)) for place in facts.places),
        *_ipu(facts.ipu),
    ]
    if not facts.places:
        shown.append(("free", _unit(facts.free_kib, "KiB")))
    width = max(len(name) for name, _ in shown) + 2
    for name, value in shown:
        yield f"{name + ':':{width}}{_UNKNOWN if value is None else value}"


def _programs(facts: BoardFacts) -> str | None:
    """What programs the board runs, as its own are built: `32-bit ARM (hard float), glibc`."""
    shell = abi.board_abi(facts).shell
    parts = [str(shell)] if shell is not None else []
    parts += [facts.libc or "static only"] if facts.loaders is not None else []
    return ", ".join(parts) or None


def _unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:g} {unit}" if isinstance(value, float) else f"{value} {unit}"


def _clock(facts: BoardFacts) -> str | None:
    if facts.clock_epoch_s is None:
        return None
    when = datetime.fromtimestamp(facts.clock_epoch_s, UTC).isoformat(timespec="seconds")
    return when if facts.clock_is_set else f"{when} (not set)"


def _place(place: PlaceFacts) -> str:
    parts = [_unit(place.free_kib, "KiB free") or "free space unknown"]
    parts += [f"on {place.mount}"] if place.mount else []
    parts += ["read-only"] if place.read_only else ["not writable"] if not place.writable else []
    parts += ["noexec: programs cannot be started there"] if place.noexec else []
    return ", ".join(parts)


def _ipu(ipu: IpuFacts | None) -> Iterator[tuple[str, object]]:
    if ipu is None:
        yield "IPU", None
        return
    yield "IPU", f"{len(ipu.nodes)} nodes, {len(ipu.modules)} modules" if ipu.nodes or ipu.modules else "none"
    for owner in ipu.owners:
        yield "  used by", f"{owner.name} (process {owner.pid}): {', '.join(owner.nodes)}"

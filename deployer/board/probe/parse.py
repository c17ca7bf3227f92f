"""The board's answer -> facts. Pure: bytes in, a record out; a section that is empty or odd gives None."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deployer.board.base import BoardFacts, IpuFacts, Owner
from deployer.board.probe.chips import chip_of
from deployer.board.probe.places import places_of

_ELF = "7f454c46"
_ELF_BYTES = 64


def sections_of(answer: bytes) -> dict[str, str]:
    """`@name` lines part the answer; what comes before the first is a server's greeting."""
    text = answer.replace(b"\0", b"").decode("utf-8", "replace").replace("\r\n", "\n")
    parts = re.split(r"^@([a-z_]+[0-9]*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parse(answer: bytes) -> BoardFacts:
    """The answer to SCRIPT -> facts."""
    return facts_of(sections_of(answer))


def facts_of(sections: Mapping[str, str]) -> BoardFacts:
    """Sections -> facts."""
    places = places_of(sections)
    return BoardFacts(
        machine=_line(sections, "machine"),
        kernel=_line(sections, "kernel"),
        chip=chip_of(sections),
        free_kib=places[0].free_kib if places else None,
        memory_available_kib=_memory(sections.get("meminfo", "")),
        clock_epoch_s=_integer(_line(sections, "date")),
        temperature_c=_temperature(sections),
        applets=frozenset(sections.get("applets", "").split()),
        boot_id=_boot_id(_line(sections, "boot_id")),
        uptime_s=_seconds(_line(sections, "uptime")),
        busybox=_busybox(_line(sections, "busybox")),
        shell_elf=_elf(sections.get("shell_elf", "")),
        loaders=tuple(sections["loaders"].split()) if "loaders" in sections else None,
        places=places,
        ipu=_ipu(sections),
        frequencies=_frequencies(sections.get("frequencies", "")),
    )


def owners_of(text: str) -> tuple[Owner, ...]:
    """The lines of OWNERS -> who has the vendor's device nodes open."""
    held: dict[tuple[int, str], list[str]] = {}
    for line in text.splitlines():
        found = re.fullmatch(r"(\d+) (/dev/mi\S+) ?(.*)", line.strip())
        if found:
            nodes = held.setdefault((int(found[1]), found[3]), [])
            if found[2] not in nodes:
                nodes.append(found[2])
    return tuple(Owner(pid=pid, name=name, nodes=tuple(nodes)) for (pid, name), nodes in held.items())


def _line(sections: Mapping[str, str], name: str) -> str | None:
    stripped = sections.get(name, "").strip()
    return stripped.splitlines()[0].strip() if stripped else None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None


def _boot_id(text: str | None) -> str | None:
    return text if text and re.fullmatch(r"[0-9a-f-]{36}", text) else None


def _seconds(text: str | None) -> float | None:
    found = re.match(r"\d+(?:\.\d+)?(?=\s|$)", text or "")
    return float(found[0]) if found else None


def _busybox(text: str | None) -> str | None:
    found = re.match(r"BusyBox v(\S+)", text or "")
    return found[1] if found else None


def _elf(text: str) -> str | None:
    """Hex from `od`, `hexdump` or `xxd`; or `cmp -l` against zeros: place from 1, octal byte, `0`."""
    rows = re.findall(r"^\s*(\d+)\s+([0-7]{1,3})\s+0\s*$", text, re.MULTILINE)
    if rows and int(rows[0][0]) == 1:
        found = bytearray(_ELF_BYTES)
        for place, byte in rows:
            if 1 <= int(place) <= _ELF_BYTES and int(byte, 8) < 256:
                found[int(place) - 1] = int(byte, 8)
        digits = found.hex()
    else:
        digits = "".join(text.split()).lower()
    good = digits.startswith(_ELF) and re.fullmatch(r"(?:[0-9a-f]{2})+", digits)
    return digits[: 2 * _ELF_BYTES] if good else None


def _memory(meminfo: str) -> int | None:
    """MemAvailable; kernels before 3.14 lack it, there MemFree is the cautious answer."""
    for key in ("MemAvailable", "MemFree"):
        found = re.search(rf"^{key}:\s+(\d+) kB", meminfo, flags=re.MULTILINE)
        if found:
            return int(found[1])
    return None


def celsius(line: str) -> float | None:
    """A thermal node's first line: `Temperature 64` of the vendor's, millidegrees of a thermal zone."""
    found = re.match(r"\s*(?:Temperature\s+(-?\d+(?:\.\d+)?)|(-?\d+)\s*$)", line)
    if found is None:
        return None
    return float(found[1]) if found[1] else int(found[2]) / 1000


def _temperature(sections: Mapping[str, str]) -> float | None:
    """The vendor's node, else the thermal zone's."""
    said = celsius(_line(sections, "temp_r") or "")
    return celsius(_line(sections, "thermal") or "") if said is None else said


def _ipu(sections: Mapping[str, str]) -> IpuFacts | None:
    if "nodes" not in sections:
        return None
    return IpuFacts(
        nodes=tuple(sections["nodes"].split()),
        modules=tuple(sections.get("modules", "").split()),
        owners=owners_of(sections.get("owners", "")),
    )


def _frequencies(text: str) -> tuple[tuple[str, str], ...]:
    found = (line.split(None, 1) for line in text.splitlines())
    return tuple((words[0], words[1].strip()) for words in found if len(words) == 2)

"""What a board says of itself: one command, and a pure parser of its answer."""

from __future__ import annotations

import re

from deployer.board.base import BoardFacts

PROBED = (
    "sha256sum",
    "md5sum",
    "base64",
    "timeout",
    "stat",
    "tar",
    "wc",
    "sync",
    "df",
    "dmesg",
    "python3",
    "scp",
)
"""Programs whose presence decides how we work with a board."""

SCRIPT = r"""
show() { echo "@$1"; shift; "$@" 2>/dev/null; echo; }
d=$1
while [ -n "$d" ] && [ ! -d "$d" ]; do d=${d%/*}; done
show machine uname -m
show kernel uname -r
show model cat /proc/device-tree/model
show chip_id cat /sys/class/mstar/msys/CHIP_ID
show soc_machine cat /sys/devices/soc0/machine
show soc_family cat /sys/devices/soc0/family
show df df -k "${d:-/}"
show meminfo cat /proc/meminfo
show date date +%s
show temp_r cat /sys/class/mstar/msys/TEMP_R
show thermal cat /sys/class/thermal/thermal_zone0/temp
echo @applets
for a in PROBED; do command -v $a >/dev/null 2>&1 && echo $a; done
exit 0
""".replace("PROBED", " ".join(PROBED))

# Codename of a family or chip id as vendor kernels print them; SDKs, models and toolchains use the codename.
CODENAMES = {
    "i6e": "pudding",
    "0xf1": "pudding",
    "m6": "tiramisu",
    "0xf4": "tiramisu",
    "i6c": "maruko",
    "0xf9": "maruko",
    "p5": "opera",
    "i6f": "souffle",
    "0xfb": "souffle",
    "i6b0": "ispahan",
    "0xf2": "ispahan",
    "0xee": "mercury5",
    "i6": "macaron",
    "0xef": "macaron",
    "i2m": "taiyaki",
    "0xf0": "taiyaki",
    "p3": "ikayaki",
    "0xf5": "ikayaki",
    "0xc2": "infinity3",
    "i5": "pretzel",
    "0xed": "pretzel",
}
KNOWN_CHIPS = frozenset(CODENAMES.values()) | {"muffin", "mochi", "iford", "ifado", "pcupid"}


def parse(answer: bytes) -> BoardFacts:
    """The answer to SCRIPT -> facts; a section that is empty or odd gives None."""
    sections = _sections(answer.replace(b"\0", b"").decode("utf-8", "replace"))
    return BoardFacts(
        machine=_line(sections, "machine"),
        kernel=_line(sections, "kernel"),
        chip=_chip(sections),
        free_kib=free_kib(sections.get("df", "").encode()),
        memory_available_kib=_memory(sections.get("meminfo", "")),
        clock_epoch_s=_integer(_line(sections, "date")),
        temperature_c=_temperature(sections),
        applets=frozenset(sections.get("applets", "").split()),
    )


def free_kib(df: bytes) -> int | None:
    """Output of `df -k PATH` -> KiB available; BusyBox breaks the line after a long device name."""
    _, _, rows = df.decode("utf-8", "replace").partition("\n")
    found = re.search(r"\s(\d+)\s+(\d+)\s+(\d+)\s+(?:\d+%|-)\s+/", f" {rows}")
    return int(found[3]) if found else None


def _sections(text: str) -> dict[str, str]:
    """`@name` lines part the answer; what comes before the first is a server's greeting."""
    parts = re.split(r"^@([a-z_]+)$", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _line(sections: dict[str, str], name: str) -> str | None:
    stripped = sections.get(name, "").strip()
    return stripped.splitlines()[0].strip() if stripped else None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None


def _chip(sections: dict[str, str]) -> str | None:
    """The device tree's model by name, then family and chip id by table; None when nothing is certain."""
    for word in re.findall(r"[a-z0-9]+", (_line(sections, "model") or "").lower()):
        if word in KNOWN_CHIPS:
            return str(word)
    family = (_line(sections, "soc_family") or "").lower()
    if family in CODENAMES:
        return CODENAMES[family]
    found = re.search(r"0x[0-9a-f]+", (_line(sections, "chip_id") or "").lower())
    return CODENAMES.get(found[0]) if found else None


def _memory(meminfo: str) -> int | None:
    """MemAvailable; kernels before 3.14 lack it, there MemFree is the cautious answer."""
    for key in ("MemAvailable", "MemFree"):
        found = re.search(rf"^{key}:\s+(\d+) kB", meminfo, flags=re.MULTILINE)
        if found:
            return int(found[1])
    return None


def _temperature(sections: dict[str, str]) -> float | None:
    """`Temperature 64` of the vendor's node, else a thermal zone's millidegrees."""
    found = re.search(r"Temperature\s+(-?\d+(?:\.\d+)?)", sections.get("temp_r", ""))
    if found:
        return float(found[1])
    millidegrees = _integer(_line(sections, "thermal"))
    return None if millidegrees is None else millidegrees / 1000

"""What a board's kernel shows of chip, heat and itself, as files in the literal formats of vendor firmware."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Chip:
    """The words one chip uses of itself; None where its kernel has no such node."""

    model: str | None = None  # /proc/device-tree/model
    machine: str | None = None  # /sys/devices/soc0/machine
    family: str | None = None
    chip_id: int | None = None


CHIPS = {
    "pcupid": Chip(model="PCUPID"),
    "maruko": Chip(machine="INFINITY6C SSC027A-S01A", family="I6C", chip_id=0xF9),
    "pudding": Chip(machine="INFINITY6E SSC012B-S01A", family="I6E", chip_id=0xF1),
}

MSYS = Path("sys/class/mstar/msys")
SOC = Path("sys/devices/soc0")
CPUFREQ = Path("sys/devices/system/cpu/cpufreq/policy0")
THERMAL = Path("sys/class/thermal/thermal_zone0")
RANDOM = Path("proc/sys/kernel/random")
PRINTK = Path("sys/module/printk/parameters")

_IDLE_C = 38.0
_FULL_LOAD_C = 42.0


def lay_out(root: Path, chip: str) -> None:
    """Make the board's folders and chip nodes below `root`. Raises UsageError for an unknown chip."""
    if chip not in CHIPS:
        raise UsageError(f"no simulated chip {chip!r}", hint=f"known: {', '.join(CHIPS)}")
    for folder in (
        "customer",
        "config/lib",
        "data",
        "tmp",
        "proc/device-tree",
        "var/log",
        MSYS,
        SOC,
        THERMAL,
        CPUFREQ,
        RANDOM,
        PRINTK,
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    said = CHIPS[chip]
    _node(root / "proc/device-tree/model", None if said.model is None else f"{said.model}\0")
    _node(root / SOC / "machine", said.machine, end="\n")
    _node(root / SOC / "family", said.family, end="\n")
    chip_id = said.chip_id
    _node(root / SOC / "soc_id", None if chip_id is None else f"{chip_id}\n")
    _node(root / MSYS / "CHIP_ID", None if chip_id is None else f"Chip_ID: 0x{chip_id:X}\n")
    _node(root / CPUFREQ / "scaling_governor", "ondemand\n")
    _node(root / CPUFREQ / "scaling_cur_freq", "1200000\n")
    _node(root / CPUFREQ / "scaling_max_freq", "1200000\n")
    _node(root / RANDOM / "boot_id", f"{uuid.uuid4()}\n")  # every start is a boot
    _node(root / PRINTK / "time", "N\n")  # what programs leave in the kernel's log has no times
    kernel_log(root).touch()
    refresh_heat(root)


def kernel_log(root: Path) -> Path:
    """Where programs on the board leave what a driver would print; `dmesg` shows it."""
    return root / "var/log/kmsg"


def refresh_heat(root: Path) -> None:
    """Bring the thermal nodes up to date with the machine that plays the board."""
    celsius = host_temperature_c()
    _node(root / MSYS / "TEMP_R", f"Temperature {celsius:.0f}\n")
    _node(root / THERMAL / "temp", f"{celsius * 1000:.0f}\n")


def host_temperature_c() -> float:
    """The host's first thermal zone or, without one, a warmth that follows its one-minute load.

    The second is a model, not a measurement: 38 degrees idle, 80 with every core busy.
    """
    for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*/temp")):
        try:
            millidegrees = int(zone.read_text())
        except (OSError, ValueError):
            continue
        if 0 < millidegrees < 150_000:
            return millidegrees / 1000
    busy = min(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    return _IDLE_C + _FULL_LOAD_C * busy


def _node(path: Path, text: str | None, end: str = "") -> None:
    """Write a node whole, or take it away."""
    if text is None:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text + end)
    fresh.replace(path)

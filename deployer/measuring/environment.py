"""The board and this host as they are around a bench: what somebody needs who wants to repeat it."""

from __future__ import annotations

import platform
import time
from typing import Any

from deployer.board.base import Board, BoardFacts

TIMEOUT_S = 20.0

_NODES = (
    "/sys/class/mstar/msys/TEMP_R",
    "/sys/class/thermal/thermal_zone0/temp",
    "/sys/dla/freq",
    "/sys/dla/clk_rate",
    "/sys/dla/ipu_log",
    "/proc/mi_modules/mi_ipu/debug_hal/freq",
    "/proc/mi_modules/mi_sys_mma/mma_heap_name0",
    "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor",
    "/sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq",
    "/sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq",
    "/proc/loadavg",
    "/proc/cmdline",
)
"""Heat, clocks and memory, where they exist; a board lacks most of them."""

_LINES = 40

SNAPSHOT = r"""
exec 2>/dev/null
echo "@epoch $(date +%s)"
for f in NODES; do
    [ -r "$f" ] || continue
    echo "@node $f"
    i=0
    while [ $i -lt LINES ] && { read -r l || [ -n "$l" ]; }; do echo "$l"; i=$((i + 1)); done <"$f"
done
exit 0
""".replace("NODES", " ".join(_NODES)).replace("LINES", str(_LINES))


def snapshot(board: Board) -> dict[str, Any]:
    """Every node there is, by path, and by how many seconds (to one) the board's clock is ahead of this host's."""
    asked_s = time.time()
    done = board.script(SNAPSHOT, timeout_s=TIMEOUT_S)
    middle_s = (asked_s + time.time()) / 2
    said = done.stdout.decode("utf-8", "replace").replace("\0", "")
    head, *nodes = said.split("@node ")
    epoch = head.removeprefix("@epoch ").strip()
    found: dict[str, Any] = {"nodes": dict(_node(text) for text in nodes)}
    if epoch.isdigit():
        found["clock_skew_s"] = round(int(epoch) + 0.5 - middle_s, 1)
    return found


def of_board(board: Board, facts: BoardFacts) -> dict[str, Any]:
    """What is known of board, connection and host; what is not known is left out."""
    link = board.link()
    known = {
        "boot_id": facts.boot_id,
        "uptime_s": facts.uptime_s,
        "busybox": facts.busybox,
        "libc": facts.libc,
        "memory_available_kib": facts.memory_available_kib,
        "free_kib": facts.free_kib,
        "ipu_modules": list(facts.ipu.modules) if facts.ipu else None,
        "ipu_owners": [f"{o.name} ({o.pid})" for o in facts.ipu.owners] if facts.ipu else None,
        "ssh_client": link.client,
        "ssh_server": link.server,
        "round_trip_ms": link.round_trip_ms,
        "host": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }
    return {name: value for name, value in known.items() if value not in (None, [])}


def _node(text: str) -> tuple[str, str]:
    path, _, lines = text.partition("\n")
    return path.strip(), lines.strip()

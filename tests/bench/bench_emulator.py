"""Boot emulated boards and push to them: seconds to the first login, rate of a push, memory of QEMU.

Run it as a script: `python tests/bench/bench_emulator.py [--starts 3] [--mib 8] [--json]`. What must be fetched
is fetched before the clock starts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from statistics import median

from board_runner.emulator.board import EmulatedBoard, EmulatedBoardConfig
from board_runner.emulator.machine import MACHINES, BoardArch, qemu
from deployer.board.base import Upload
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard

WINDOWS = (None, 1 << 20)
TARGET = PurePosixPath("/tmp/pushed")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One kind of board; times in seconds, rates in MB/s, each a list of all that were taken."""

    arch: str
    cpu: str
    kernel: str
    window_bytes: int | None
    build_s: float
    up_s: list[float]
    login_s: list[float]
    command_ms: float
    push_mb_s: list[float]
    qemu_rss_mib: float


def main() -> int:
    """Every machine with dropbear's own window and with a wide one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--starts", type=int, default=3, help="power cuts and restarts of each board")
    parser.add_argument("--mib", type=int, default=8, help="how much each push sends")
    parser.add_argument("--json", action="store_true", help="print all that was measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["DEPLOY_STATE_DIR"] = temporary
        payload = Path(temporary) / "payload"
        payload.write_bytes(os.urandom(asked.mib << 20))
        found = [measure(arch, window, payload, asked.starts) for arch in MACHINES for window in WINDOWS]
    if asked.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return 0
    print(f"{version()}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for each in found:
        print(_line(each, asked.mib))
    return 0


def measure(arch: BoardArch, window_bytes: int | None, payload: Path, starts: int) -> Measured:
    """Boot a board `starts` times; push to it each time."""
    up_s, login_s, rates = [], [], []
    config = EmulatedBoardConfig(arch=arch, window_bytes=window_bytes)
    with EmulatedBoard(config) as emulated:
        emulated.build().stop()  # whatever is fetched is fetched
        began = time.monotonic()
        emulated.build()
        build_s = time.monotonic() - began
        for _ in range(starts):
            began = time.monotonic()
            emulated.restart()
            up_s.append(emulated.boot_s)
            with _reached(emulated) as board:
                login_s.append(time.monotonic() - began)
                rates.append(_push_rate(board, payload))
                command_ms = _command_ms(board)
        rss = _rss_mib(emulated.pid)
        release = emulated.kernel_release
    return Measured(
        arch=arch,
        cpu=MACHINES[arch].cpu,
        kernel=release,
        window_bytes=window_bytes,
        build_s=build_s,
        up_s=up_s,
        login_s=login_s,
        command_ms=command_ms,
        push_mb_s=rates,
        qemu_rss_mib=rss,
    )


def version() -> str:
    """QEMU's own words."""
    said = subprocess.run(
        [qemu(MACHINES["aarch64"]), "--version"], capture_output=True, text=True, check=True
    )
    return said.stdout.splitlines()[0]


def _reached(emulated: EmulatedBoard) -> SshBoard:
    config = BoardConfig(name="emulated", host=emulated.host, own_port=emulated.port, host_key="off")
    return SshBoard(config.replace(connect_timeout_s=60))


def _push_rate(board: SshBoard, payload: Path) -> float:
    """MB/s of a whole push: bytes, check on the board, rename."""
    digest = hashlib.sha256(payload.read_bytes()).hexdigest()
    began = time.monotonic()
    board.push([Upload(source=payload, target=TARGET, sha256=digest)])
    return payload.stat().st_size / 1e6 / (time.monotonic() - began)


def _command_ms(board: SshBoard) -> float:
    return median(board.run(["true"], timeout_s=30).elapsed_ms for _ in range(5))


def _rss_mib(pid: int | None) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def _line(each: Measured, mib: int) -> str:
    window = "dropbear's own window" if each.window_bytes is None else f"{each.window_bytes >> 10} KiB window"
    return (
        f"{each.arch:8} {each.cpu} {each.kernel}, {window}: built in {each.build_s:.1f} s, "
        f"listens after {median(each.up_s):.1f} s (max {max(each.up_s):.1f}), "
        f"first login {median(each.login_s):.1f} s, a command {each.command_ms:.0f} ms, "
        f"push of {mib} MiB {median(each.push_mb_s):.2f} MB/s, QEMU {each.qemu_rss_mib:.0f} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())

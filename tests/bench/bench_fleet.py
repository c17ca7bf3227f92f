"""A first push to 16 boards beside `xargs -P16 scp -r`, and to 256 boards: times, client CPU, memory.

Every board is a loopback address of a real sshd with a directory of its own, in memory where /dev/shm has room. A
pair is one run of each, in turns; process start is included. Needs sshd, ssh-keygen, scp and xargs:

    PYTHONPATH=. python tests/bench/bench_fleet.py [--pairs 5] [--many 256] [--only 16|256]
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.boards.servers.loopback import SSHD, free_port, make_key, sshd_missing, wait_for

MIB = 1 << 20
ADDRESSES_A_SERVER = 16  # sshd listens at no more
FEW = 16
WAVS = 40
WAV_SAMPLES = 112_640  # 220 KiB, five seconds
RATE_HZ = 22_050


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One run: wall-clock time, CPU of the client's processes, and the largest of them in memory."""

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, kw_only=True)
class Rack:
    """So many boards: addresses of running servers, a directory each below `root`."""

    folder: Path
    root: Path
    port: int
    hosts: Sequence[str]

    def directory(self, host: str) -> Path:
        """Where a board's files go."""
        return self.root / host

    def wipe(self) -> None:
        """As a factory left them."""
        for host in self.hosts:
            shutil.rmtree(self.directory(host), ignore_errors=True)
            self.directory(host).mkdir(parents=True)


@contextlib.contextmanager
def rack(folder: Path, count: int) -> Iterator[Rack]:
    """Start the servers; at the end they are stopped and waited for."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "client"):
        make_key(folder / name)
    port = free_port()
    hosts = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]
    with contextlib.ExitStack() as stack:
        for start in range(0, count, ADDRESSES_A_SERVER):
            stack.enter_context(_server(folder, hosts[start : start + ADDRESSES_A_SERVER], port))
        yield Rack(folder=folder, root=folder / "boards", port=port, hosts=hosts)


@contextlib.contextmanager
def _server(folder: Path, hosts: Sequence[str], port: int) -> Iterator[None]:
    path = folder / f"sshd_{hosts[0]}"
    lines = [f"ListenAddress {host}:{port}" for host in hosts]
    lines += [
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/client.pub",
        *("PidFile none", "StrictModes no", "UsePAM no", "UseDNS no", "PasswordAuthentication no"),
        *("MaxStartups 500", "LogLevel ERROR", "Subsystem sftp internal-sftp"),
        "SetEnv PATH=/usr/bin:/bin SHLVL=1",  # SHLVL: bash would read the user's .bashrc
    ]
    path.write_text("\n".join([*lines, ""]))
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", path], stdin=subprocess.DEVNULL, stderr=log)
    try:
        wait_for(hosts[-1], port, (folder / "log").read_text)
        yield
    finally:
        server.terminate()
        server.wait(10)


def project(rack: Rack, *, image_mib: float, wavs: int) -> Path:
    """A project whose push is one image of random bytes, a small program and wavs of noise; gives its folder."""
    folder = rack.folder / "project"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "clips").mkdir(parents=True)
    random = np.random.default_rng(1)
    (folder / "eat.img").write_bytes(random.bytes(int(image_mib * MIB)))
    (folder / "prog.sh").write_text("#!/bin/sh\n")
    for number in range(wavs):
        noise = random.integers(-32768, 32767, WAV_SAMPLES, dtype=np.int16)
        soundfile.write(folder / "clips" / f"{number:02}.wav", noise, RATE_HZ, subtype="PCM_16")
    boards = {
        f"b{number:03}": {"host": host, "directory": str(rack.directory(host))}
        for number, host in enumerate(rack.hosts)
    }
    document = {
        "model": {"image": "eat.img"},
        "program": "prog.sh",
        "audio": {"clips": "clips"},
        "board_defaults": {"port": rack.port, "user": getpass.getuser(), "key": str(rack.folder / "client")},
        "boards": boards,
    }
    (folder / "deploy.yaml").write_text(json.dumps(document))
    return folder


def deploy_push(rack: Rack, folder: Path, count: int) -> Cost:
    """`deploy push` to the first so many."""
    words = [sys.executable, "-m", "deployer", "push", "--all", "--limit", str(count), "--json"]
    cost = timed(words, folder, {"DEPLOY_STATE_DIR": str(rack.folder / "state")})
    check_arrived(rack, folder, count)
    return cost


def xargs_scp(rack: Rack, folder: Path, count: int) -> Cost:
    """`scp -r` of the same files, 16 at once."""
    payload = rack.folder / "payload"
    shutil.rmtree(payload, ignore_errors=True)
    (payload / "models").mkdir(parents=True)
    shutil.copy2(folder / "eat.img", payload / "models/eat.img")
    for path in (folder / "prog.sh", *(folder / "clips").iterdir()):
        shutil.copy2(path, payload / path.name)
    options = f"-q -r -F none -P {rack.port} -i {rack.folder}/client -o BatchMode=yes"
    options += f" -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={rack.folder}/known_hosts"
    hosts = "\\n".join(rack.hosts[:count])
    target = f"{getpass.getuser()}@{{}}:{rack.root}/{{}}/current"
    line = f"printf '{hosts}\\n' | xargs -P16 -I{{}} scp {options} {payload} {target}"
    cost = timed(["sh", "-c", line], folder, {})
    check_arrived(rack, folder, count)
    return cost


def check_arrived(rack: Rack, folder: Path, count: int) -> None:
    """Every board has every file, whole; what is hidden there is the tool's own."""
    for host in rack.hosts[:count]:
        found = [p for p in (rack.directory(host) / "current").rglob("[!.]*") if p.is_file()]
        if sorted(path.stat().st_size for path in found) != expected(folder):
            raise SystemExit(f"{host}: not all files arrived")


def expected(folder: Path) -> list[int]:
    """Sizes of the files that every board gets."""
    paths = [folder / "eat.img", folder / "prog.sh", *(folder / "clips").iterdir()]
    return sorted(path.stat().st_size for path in paths)


def timed(words: Sequence[str], cwd: Path, env: dict[str, str]) -> Cost:
    """Run a command to its end; its CPU counts its waited-for children."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, cwd=cwd, env={**os.environ, **env}, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode("utf-8", "replace")[-2000:])
    return Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_mib=usage.ru_maxrss / 1024)


def shown(name: str, costs: Sequence[Cost], boards: int) -> str:
    """Medians of a few runs, and between what the times lay."""
    walls = [cost.wall_s for cost in costs]
    wall_s, cpu_s = statistics.median(walls), statistics.median(cost.cpu_s for cost in costs)
    peak_mib = max(cost.peak_mib for cost in costs)
    spread = f"{min(walls):.2f} to {max(walls):.2f}"
    return (
        f"{name:34} {wall_s:7.2f} s ({spread}), n {len(costs)}; {wall_s / boards:.3f} s a board; "
        f"client CPU {cpu_s / boards:.3f} s a board; peak {peak_mib:.0f} MiB"
    )


def pairs(
    rack: Rack, folder: Path, count: int, one: Callable[..., Cost], other: Callable[..., Cost], number: int
) -> tuple[list[Cost], list[Cost]]:
    """In turns, and which goes first changes from pair to pair."""
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for pair in range(number):
        order = ((one, ours), (other, theirs))
        for run, costs in order if pair % 2 == 0 else reversed(order):
            rack.wipe()
            costs.append(run(rack, folder, count))
    return ours, theirs


def few(rack: Rack, number: int) -> None:
    """16 boards, 20 MiB and 40 wavs each."""
    folder = project(rack, image_mib=20, wavs=WAVS)
    size_mb = sum(expected(folder)) / 1e6
    print(f"{FEW} boards, first push, {size_mb:.1f} MB in {len(expected(folder))} files each")
    ours, theirs = pairs(rack, folder, FEW, deploy_push, xargs_scp, number)
    print(shown("deploy push --all", ours, FEW))
    print(shown("xargs -P16 scp -r", theirs, FEW))
    ratios = [mine.wall_s / other.wall_s for mine, other in zip(ours, theirs, strict=True)]
    medians = statistics.median(c.wall_s for c in ours) / statistics.median(c.wall_s for c in theirs)
    print(f"ratio of the medians {medians:.2f}; median of the pairs' ratios {statistics.median(ratios):.2f}")


def many(rack: Rack, count: int, number: int) -> None:
    """5 MB each, on 16 boards and on all."""
    folder = project(rack, image_mib=5e6 / MIB, wavs=1)
    print(f"{count} boards, first push, {sum(expected(folder)) / 1e6:.1f} MB each")
    runs: dict[int, list[Cost]] = {FEW: [], count: []}
    for _ in range(number):
        for boards, costs in runs.items():
            rack.wipe()
            costs.append(deploy_push(rack, folder, boards))
    for boards, costs in runs.items():
        print(shown(f"deploy push --all, {boards} boards", costs, boards))
    per_board = [statistics.median(c.wall_s for c in costs) / boards for boards, costs in runs.items()]
    print(f"time a board, {count} beside {FEW}: {per_board[1] / per_board[0]:.2f}")


def main() -> None:
    """Both, or one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--many", type=int, default=256)
    parser.add_argument("--only", choices=["16", "256"])
    given = parser.parse_args()
    if reason := sshd_missing():
        raise SystemExit(reason)
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30 else None
    with tempfile.TemporaryDirectory(prefix="bench-fleet-", dir=place) as name:
        count = FEW if given.only == "16" else given.many
        with rack(Path(name), count) as running:
            if given.only != "256":
                few(running, given.pairs)
            if given.only != "16":
                many(running, given.many, max(1, given.pairs // 2))


if __name__ == "__main__":
    main()

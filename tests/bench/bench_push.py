"""`deploy push` beside rsync, scp, `tar | ssh`, fabric, pyinfra and ansible on a real server, starts included.

    make bench-boards        nine interleaved pairs a row: medians and the ratio of medians

The payload is one file of 20 MB and 40 wavs. Every way starts as a process of its own with the same key. A first
push begins on an empty directory; "unchanged" repeats it. `--server dropbear --delay-ms 1 --rate-mbit 100` puts a
slow wire between (2 ms of round trip). pyinfra and ansible take long: they run in the first `--peer-rounds` rounds,
from environments that are made below `--peers` once (their reason is printed where that cannot be).

"Python's start" is a process that loads what a push loads and ends: what is left of a push without it is shown too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.push_peers import PACKAGES, environment
from tests.bench.push_peers import way as peer_way
from tests.boards.servers import REAL_KINDS, Place, listening, openssh, real, roots
from tests.boards.wire import Wire

_SAMPLES = 114_688
_FABRIC = """
import sys
from pathlib import Path
from fabric import Connection
host, port, user, key, source, target = sys.argv[1:]
with Connection(host, port=int(port), user=user, connect_kwargs={"key_filename": key, "look_for_keys": False}) as c:
    c.run(f"mkdir -p {target}", hide=True)
    for path in sorted(Path(source).iterdir()):
        c.put(str(path), f"{target}/{path.name}")
"""


_START = """
from deployer import cli
cli.cli.get_command(None, "push")
from deployer.board.access.lean import load_paramiko
load_paramiko()
from deployer.board.access import handshake
"""
_STARTED = "Python's start"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to bring the payload over. `argv` for a target directory on the board; `rounds`: at most so many."""

    name: str
    argv: Callable[[str], list[str]]
    rounds: int | None = None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--server", choices=["openssh", "dropbear"], default="openssh")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="one way")
    parser.add_argument("--rate-mbit", type=float, default=0.0)
    parser.add_argument(
        "--peer-rounds", type=int, default=1, help="of pyinfra and ansible; 0 leaves them out"
    )
    parser.add_argument("--peers", type=Path, default=Path.home() / ".cache/deploy-bench-peers")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        payload(folder / "payload")
        with _server(asked.server, folder) as place, _wired(place, asked) as port:
            _measure(asked, folder, place, port)


def payload(folder: Path) -> None:
    """A program, an image of 20 MB and 40 wavs of random samples."""
    folder.mkdir()
    (folder / "prog_sed_eat").write_bytes(b"#!/bin/sh\n")
    (folder / "eat.img").write_bytes(os.urandom(20 << 20))
    for number in range(40):
        with wave.open(str(folder / f"{number:02}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(22_050)
            out.writeframes(os.urandom(2 * _SAMPLES))


@contextlib.contextmanager
def _server(kind: str, folder: Path) -> Iterator[Place]:
    (folder / "board").mkdir()
    if kind == "openssh":
        with openssh(folder / "board", sftp=True) as place:
            yield place
    else:
        with real(folder / "board", REAL_KINDS["dropbear"]) as place:
            roots.add_program(folder / "board/root", "/usr/bin/scp", "usr/bin/scp")
            listening(place)
            yield place


@contextlib.contextmanager
def _wired(place: Place, asked: argparse.Namespace) -> Iterator[int]:
    if not asked.delay_ms and not asked.rate_mbit:
        yield place.config.port
        return
    with Wire(place.config.host, place.config.port) as wire:
        wire.delay_s = asked.delay_ms / 1000
        wire.rate_bytes_per_s = asked.rate_mbit * 1e6 / 8 if asked.rate_mbit else None
        yield wire.port


def _measure(asked: argparse.Namespace, folder: Path, place: Place, port: int) -> None:
    ways = [*_ways(folder, place, port), *_slow_ways(asked, folder, place, port)]
    first: dict[str, list[float]] = {way.name: [] for way in ways}
    again: dict[str, list[float]] = {way.name: [] for way in ways}
    start: list[float] = []
    _timed(ways[0].argv(f"{place.config.directory.parent}/warmup"))
    for number in range(asked.pairs):
        start.append(_timed([sys.executable, "-c", _START]))
        for way in ways:
            if way.rounds is not None and number >= way.rounds:
                continue
            target = f"{place.config.directory.parent}/{''.join(filter(str.isalnum, way.name))}_{number}"
            first[way.name].append(_timed(way.argv(target)))
            if way.name.startswith(("deploy", "rsync", *PACKAGES)):
                again[way.name].append(_timed(way.argv(target)))
            here = place.seen(place.config.directory.parent / Path(target).name)
            shutil.rmtree(here, ignore_errors=True)
    link = f"{asked.server}, {2 * asked.delay_ms:g} ms round trip, {asked.rate_mbit or 'no'} Mbit/s limit"
    print(f"{link}; {asked.pairs} runs each, interleaved; medians in seconds, and against deploy push")
    for title, times in (("first push", first), ("nothing changed", {k: v for k, v in again.items() if v})):
        print(title)
        ours = statistics.median(times["deploy push"])
        for name, values in times.items():
            median = statistics.median(values)
            spread = f"({min(values):.2f} to {max(values):.2f})"
            rest = (ours - statistics.median(start)) / median
            print(
                f"  {name:14} {median:6.2f}  {spread}  deploy is {ours / median:.2f} x, {rest:.2f} x without start"
            )
    print(f"{_STARTED} with all that a push loads: {statistics.median(start):.2f} s of every push of ours")
    print("load average", " ".join(f"{load:.1f}" for load in os.getloadavg()))


def _ways(folder: Path, place: Place, port: int) -> Iterator[Way]:
    config = place.config
    known = folder / "known_hosts"
    ssh = ["ssh", "-F", "none", "-p", str(port), "-i", str(config.key), "-o", "IdentitiesOnly=yes"]
    ssh += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={known}", "-o", "LogLevel=ERROR"]
    where = f"{config.user}@{config.host}"
    source = folder / "payload"
    scp = ["scp", *ssh[1:3], "-P", str(port), *ssh[5:], "-r", *(["-O"] if not _sftp(place) else [])]
    os.environ["DEPLOY_STATE_DIR"] = str(folder / "state")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages come compiled
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")

    def ours(target: str) -> list[str]:
        path = folder / "project" / Path(target).name / "deploy.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"model: {{image: {source}/eat.img}}\nprogram: {source}/prog_sed_eat\naudio: {{clips: {source}}}\n"
            f"boards: {{b: {{host: {config.host}, port: {port}, user: {config.user}, key: {config.key}, "
            f"directory: {target}}}}}\n"
        )
        return [str(Path(sys.executable).with_name("deploy")), "push", "--config", str(path), "-q"]

    remote = " ".join(map(shlex.quote, [*ssh, where]))
    yield Way(name="deploy push", argv=ours)
    yield Way(
        name="tar | ssh",
        argv=lambda t: ["sh", "-c", f"tar cf - -C {source} . | {remote} 'mkdir -p {t} && tar xf - -C {t}'"],
    )
    yield Way(
        name="scp",
        argv=lambda t: ["sh", "-c", f"{' '.join(map(shlex.quote, scp))} {source} {where}:{t}"],
    )
    if shutil.which("rsync") and _has(place, "rsync"):
        yield Way(name="rsync -a", argv=lambda t: [*_rsync(ssh), "-a", f"{source}/", f"{where}:{t}/"])
        yield Way(name="rsync -ac", argv=lambda t: [*_rsync(ssh), "-ac", f"{source}/", f"{where}:{t}/"])
    if _sftp(place):
        fabric = [sys.executable, "-c", _FABRIC, config.host, str(port), config.user, str(config.key)]
        yield Way(name="fabric put", argv=lambda t: [*fabric, str(source), t])


def _slow_ways(asked: argparse.Namespace, folder: Path, place: Place, port: int) -> Iterator[Way]:
    for name in PACKAGES if asked.peer_rounds else ():
        made = environment(name, asked.peers)
        if isinstance(made, str):
            print(f"{name} is left out: {made}")
            continue
        argv = peer_way(name, made, folder / name, folder / "payload", place.config, port)
        yield Way(name=name, argv=argv, rounds=asked.peer_rounds)


def _rsync(ssh: list[str]) -> list[str]:
    return ["rsync", "-e", " ".join(map(shlex.quote, ssh))]


def _sftp(place: Place) -> bool:
    with place.board() as board:
        return board.sftp() is not None


def _has(place: Place, program: str) -> bool:
    with place.board() as board:
        return board.run(["sh", "-c", f"command -v {program}"], timeout_s=10).exit_status == 0


def _timed(argv: list[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    took = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]} failed: {done.stderr.decode()[-500:]}")
    return took


if __name__ == "__main__":
    main()

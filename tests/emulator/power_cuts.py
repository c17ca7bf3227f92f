"""Power cuts at random moments of a push and of the runs after it, on an emulated board, counted.

As a script the long form: `python tests/emulator/power_cuts.py --cuts 200 [--arch arm] [--seed 0]`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from board_runner.emulator.board import EmulatedBoard, EmulatedBoardConfig
from board_runner.emulator.machine import MACHINES
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import BoardUnreachable, TransferError
from deployer.push import BoardFile, push

DIRECTORY = PurePosixPath("/customer/cuts")
CURRENT = DIRECTORY / "current"
SIZES = {"models/eat.img": 600_000, "clip.wav": 80_000}
PROGRAM = '#!/bin/sh\n# {mark}\ncd -- "${{0%/*}}" && exec md5sum prog clip.wav models/eat.img\n'
RUNS = 3
RUN_LIMIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Release:
    """Three files, and what the program among them prints when all are whole."""

    files: tuple[BoardFile, ...]
    says: bytes


@dataclass(kw_only=True)
class Tally:
    """What was seen. `during` counts in which part of the work the power went."""

    cuts: int = 0
    during: Counter[str] = field(default_factory=Counter)
    kept_old: int = 0
    had_new: int = 0
    problems: list[str] = field(default_factory=list)


def release(folder: Path, mark: str, seed: int) -> Release:
    """Files that only this release has."""
    folder.mkdir()
    content = {name: random.Random(f"{seed} {name}").randbytes(size) for name, size in SIZES.items()}
    content["prog"] = PROGRAM.format(mark=mark).encode()
    files = []
    for name, value in content.items():
        path = folder / name.replace("/", "-")
        path.write_bytes(value)
        files.append(BoardFile(source=path, name=PurePosixPath(name), executable=name == "prog"))
    order = ("prog", "clip.wav", "models/eat.img")
    says = "".join(f"{hashlib.md5(content[name]).hexdigest()}  {name}\n" for name in order)
    return Release(files=tuple(files), says=says.encode())


def survive(emulated: EmulatedBoard, folder: Path, *, cuts: int, seed: int) -> Tally:
    """Cut the power `cuts` times; after each the board must hold a whole release, and the next push finish."""
    chance, tally = random.Random(seed), Tally()
    old, new = (release(folder / mark, mark, number) for number, mark in enumerate(("a", "b")))
    began = time.monotonic()
    _deploy(emulated, old, [])
    whole_s = time.monotonic() - began
    for _ in range(cuts):
        at: list[str] = []
        cut = threading.Timer(chance.uniform(0, whole_s), emulated.power_cut)
        cut.start()
        try:
            _deploy(emulated, new, at)
        except (BoardUnreachable, TransferError):
            pass
        finally:
            cut.join()
        tally.cuts += 1
        tally.during[at[-1] if at else "connect"] += 1
        if at[-1:] == ["nothing"]:
            whole_s *= 0.8  # too late to matter: the first push was slower than those since
        emulated.restart()
        _judge(emulated, old, new, tally)
        _deploy(emulated, new, [])
        old, new = new, old
    return tally


def _deploy(emulated: EmulatedBoard, wanted: Release, at: list[str]) -> None:
    """Push and run; each run must give what the release says. `at` gets the names of the parts begun."""
    with _reached(emulated) as board:
        at.append("push")
        push(board, wanted.files, DIRECTORY)
        for _ in range(RUNS):
            at.append("run")
            done = board.run([str(CURRENT / "prog")], timeout_s=RUN_LIMIT_S)
            if done.exit_status is not None and done.stdout != wanted.says:
                raise AssertionError(f"ran {done.stdout!r}, {done.stderr!r} in place of {wanted.says!r}")
        at.append("nothing")


def _judge(emulated: EmulatedBoard, old: Release, new: Release, tally: Tally) -> None:
    """What the board would run now is the old release or the new one, whole."""
    with _reached(emulated) as board:
        said = board.run([str(CURRENT / "prog")], timeout_s=RUN_LIMIT_S).stdout
    tally.kept_old += said == old.says
    tally.had_new += said == new.says
    if said not in (old.says, new.says):
        tally.problems.append(f"cut {tally.cuts}: {said!r}")


def _reached(emulated: EmulatedBoard) -> SshBoard:
    config = BoardConfig(name="emulated", host=emulated.host, own_port=emulated.port, host_key="off")
    return SshBoard(config.replace(connect_timeout_s=60))


def main() -> int:
    """Print the tally; 1 if a release was not whole."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--arch", choices=list(MACHINES), default="aarch64")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["DEPLOY_STATE_DIR"] = temporary
        config = EmulatedBoardConfig(arch=asked.arch, flash_kib=8192)
        with EmulatedBoard(config) as emulated:
            emulated.start()
            began = time.monotonic()
            tally = survive(emulated, Path(temporary), cuts=asked.cuts, seed=asked.seed)
    when = ", ".join(f"{count} during {part}" for part, count in tally.during.most_common())
    print(f"{asked.arch}: {tally.cuts} power cuts in {time.monotonic() - began:.0f} s ({when})")
    print(f"the old release whole {tally.kept_old} times, the new one {tally.had_new} times")
    for problem in tally.problems:
        print(problem)
    return int(bool(tally.problems))


if __name__ == "__main__":
    sys.exit(main())

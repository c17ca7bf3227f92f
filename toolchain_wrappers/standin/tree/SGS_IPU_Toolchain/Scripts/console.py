"""What the vendor's tools print, the options they share, and the folders they wipe."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

RED = "\033[31m"
GREEN = "\033[92m"
PLAIN = "\033[0m"

IS_1X = os.environ.get("SGS_DIALECT") == "1.x"
"""SDK 1.x: made for one chip, simulators that are told the stage, and other words."""

VERSION = os.environ.get("SGS_VERSION", "stand-in")
STAGES = {"Float": "_float.sim", "Fixed": "_fixed.sim", "Offline": ".img"}
DATA_SUFFIX = os.environ.get("SGS_DATA_SUFFIX", ".npy")
SUFFIXES = frozenset([".bmp", ".dib", ".jpeg", ".jpg", ".jpe", ".jp2", ".png", ".mp4", DATA_SUFFIX])
MOVED_TO_LOG = ("output", "tmp_image", "tensor_min_max.txt", "tensor_qab.txt", "softmax_lut_range.txt")


def red(text: str) -> None:
    """The vendor wraps almost every message in red, good news included."""
    print(f"{RED}{text}{PLAIN}", flush=True)


def require_environment() -> None:
    """The vendor's words when cfg_env.sh was not sourced."""
    if "SGS_IPU_DIR" not in os.environ:
        raise OSError(f"{RED}Run source cfg_env.sh in top directory.{PLAIN}")


def chip_argument(parser: argparse.ArgumentParser) -> None:
    """`--soc_version`; tools that are made for one chip have no such option."""
    if IS_1X:
        parser.set_defaults(soc_version=os.environ["SGS_CHIP"])
    else:
        parser.add_argument("--soc_version", required=True)


class Bar:
    """A bar that is redrawn in place, and the time at its end; tools of one process may be `silent`."""

    def __init__(self, steps: int, *, silent: bool = False) -> None:
        self._steps, self._silent, self._done = max(1, steps), silent, 0
        self._started = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        share = min(1.0, self._done / self._steps)
        left = (time.monotonic() - self._started) * (1 - share) / share
        head = "=" * int(50 * share) + (">" if share < 1 else "")
        if not self._silent:
            sys.stdout.write(f"\r[{head:<50}]{100 * share:.2f}% | ETA: {_clock(left)}")
            sys.stdout.flush()

    def end(self) -> None:
        """The time that all took."""
        if not self._silent:
            print(f"\nTotal time elapsed: {_clock(time.monotonic() - self._started)}", flush=True)


class Workers:
    """As the vendor's pool: what fails in any worker but the first is swallowed, with the rest of its share."""

    def __init__(self, count: int) -> None:
        self._count = max(1, count)
        self._dead: set[int] = set()

    @contextlib.contextmanager
    def on(self, index: int) -> Iterator[None]:
        """The work on one item."""
        try:
            yield
        except Exception:
            if index % self._count == 0:
                raise
            self._dead.add(index % self._count)

    def lives(self, index: int) -> bool:
        """Whether the worker of this item still works."""
        return index % self._count not in self._dead


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(seconds))


def inputs(given: str) -> list[Path]:
    """`-i`: a file of a known suffix, a folder walked for such files, or else a list file."""
    path = Path(given)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise FileNotFoundError(f"{RED}No images found in {given}{PLAIN}")
        return found
    if not path.is_file():
        raise FileNotFoundError(f"{RED}No such {given} image or directory.{PLAIN}")
    if path.suffix.lower() in SUFFIXES:
        return [path]
    return [Path(line.strip()) for line in path.read_text().splitlines() if line.strip()]


def renew(folder: str) -> Path:
    """Delete a folder and make it anew, as every tool does with ./output and ./log."""
    shutil.rmtree(folder, ignore_errors=True)
    path = Path(folder)
    path.mkdir()
    return path


def move_to_log() -> None:
    """At its end a tool replaces ./log by what it left in the working directory."""
    log = renew("log")
    for name in MOVED_TO_LOG:
        if Path(name).exists():
            shutil.move(name, log / name)

"""What the vendor's tools print, and the folders they wipe."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

RED = "\033[31m"
GREEN = "\033[92m"
PLAIN = "\033[0m"

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


def bar(items: Sequence[Path]) -> Iterator[Path]:
    """Give the items one by one under a bar that is redrawn in place."""
    started = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        share = done / len(items)
        left = (time.monotonic() - started) * (1 - share) / share
        head = "=" * int(50 * share) + (">" if done < len(items) else "")
        eta = time.strftime("%H:%M:%S", time.gmtime(left))
        sys.stdout.write(f"\r[{head:<50}]{100 * share:.2f}% | ETA: {eta}")
        sys.stdout.flush()
    elapsed = time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - started))
    print(f"\nTotal time elapsed: {elapsed}", flush=True)


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

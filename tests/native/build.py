"""Builds of the C programs, and runs of them, shared by the tests of a session."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner import native

QEMU_LD = {"aarch64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
COMPILERS = {"aarch64": "aarch64-linux-gnu-gcc", "armhf": "arm-linux-gnueabihf-gcc"}


@dataclass(frozen=True, kw_only=True)
class Built:
    """A folder of programs, and what runs them: nothing, or an emulator."""

    folder: Path
    runner: tuple[str, ...] = ()

    def run(
        self,
        name: str,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program; nothing of the caller's environment but the path goes in."""
        return subprocess.run(
            [*self.runner, str(self.folder / name), *map(str, words)],
            cwd=cwd,
            env={"PATH": "/usr/bin:/bin", **(env or {})},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout_s,
            check=False,
        )


def make(out: Path, target: str, *variables: str) -> None:
    """`make TARGET OUT=out`; a failing compiler fails the test with its words."""
    command = ["make", "-j2", "-C", str(native.ROOT), target, f"OUT={out}", *variables]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def make_probe(built: Path, out: Path, *flags: str, compiler: str = "cc") -> None:
    """`probe` over the objects in `built`."""
    source = Path(__file__).with_name("probe.c")
    objects = sorted(str(path) for path in (built / "obj").glob("*.o"))
    command = [compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{native.INCLUDE}", *flags]
    command += [str(source), *objects, "-o", str(out / "probe"), "-lm", "-pthread"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def missing(words: Sequence[str]) -> str:
    """The first of these programs that is not here, or nothing."""
    return next((word for word in words if not shutil.which(word)), "")

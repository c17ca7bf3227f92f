"""A tree of the SDK's shape, in which the vendor's make command builds this project's own C programs."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import board_runner

TREE = Path(__file__).parent / "sdk_tree"
NATIVE = Path(board_runner.__file__).parent / "native"

Arch = Literal["aarch64", "arm"]
COMPILERS: Mapping[Arch, str] = {"aarch64": "aarch64-linux-gnu", "arm": "arm-linux-gnueabihf"}
"""Debian's cross compilers: gcc-aarch64-linux-gnu and gcc-arm-linux-gnueabihf."""

PROGRAMS = {"prog_sed_eat.c": "sed/eat", "dla_simulator.c": "dla/dla_simulator"}
"""A main of `native/programs` -> the target that builds it."""

_PROJECT, _SOURCE = Path("project"), Path("sdk/verify/opendla/source")
_FLAGS = re.compile(r"(WARN|CFLAGS|MUST|LIBS)\s*\??=")


@dataclass(frozen=True, kw_only=True)
class SdkVariant:
    """One SDK as it might be; the defaults follow what is published.

    `unchosen` is how make fails while no defconfig is chosen: it misses an included file, says so in its own
    words and ends with `status`, or uses this machine's own compiler without a word. `tolerant` goes on after
    any error and ends with 0.
    """

    folders: tuple[tuple[Arch, str], ...] = (("aarch64", "aarch64"), ("arm", "arm"))
    config_file: str = "configs/current.configs"
    prefix: str = ""
    unchosen: Literal["include", "message", "silent"] = "include"
    status: int = 1
    tolerant: bool = False
    quiet: bool = False
    chatter: bool = False

    def folder(self, arch: Arch) -> str:
        """The name below `out/`."""
        return dict(self.folders)[arch]

    def defconfig(self, arch: Arch) -> str:
        """The name of the defconfig for an architecture, in the vendor's manner."""
        return f"dispcam_pcupid.standin.glibc-{arch}_defconfig"

    def settings(self, arch: Arch) -> str:
        """What that defconfig holds: lines of a makefile, or of Kconfig."""
        said = {"CHIP": "pcupid", "TOOLCHAIN_REL": COMPILERS[arch], "AARCH": self.folder(arch)}
        form = 'CONFIG_{}="{}"\n' if self.prefix else "{} = {}\n"
        return "# the stand-in's\n" + "".join(form.format(*each) for each in said.items())

    def makefile(self) -> str:
        """`standin.mk`, which the tree's makefiles include."""
        colour = r"printf '\033[32m[CC]\033[0m %s\r\n'" if self.chatter else "echo CC"
        return (
            f"CONFIG_FILE := {self.config_file}\n"
            f"UNCHOSEN := {self.unchosen}\n"
            f"STATUS := {self.status}\n"
            f"TOLERANT := {'-' if self.tolerant else ''}\n"
            f"SHOW := {'@' if self.quiet else ''}\n"
            f"SAY := {colour if self.quiet else ':'}\n"
            f"DONE := {'*' * 20 + ' 0 errors, all is built' if self.chatter else 'done'}\n"
        )


def by_seed(seed: int) -> SdkVariant:
    """Seed 0 is as published; every other draws each unknown anew."""
    if seed == 0:
        return SdkVariant()
    rng = random.Random(seed)
    kconfig = rng.random() < 0.5
    return SdkVariant(
        folders=(
            ("aarch64", rng.choice(["aarch64", "arm64"])),
            ("arm", rng.choice(["arm", "armhf", "arm32"])),
        ),
        config_file=".config" if kconfig else "configs/current.configs",
        prefix="CONFIG_" if kconfig else "",
        unchosen=rng.choice(["include", "message", "silent"]),
        status=rng.choice([0, 1, 2]),
        tolerant=rng.random() < 0.3,
        quiet=rng.random() < 0.5,
        chatter=rng.random() < 0.5,
    )


def make(
    directory: Path,
    variant: SdkVariant = SdkVariant(),
    *,
    arch: Arch | None = "aarch64",
    native: Path = NATIVE,
) -> Path:
    """Write the tree into `directory`, over an earlier one; what is as it should be keeps its time, for make.

    `arch` is what a defconfig is chosen for; with None none is, as in an SDK just unpacked. `native` holds the C
    sources: `src/`, `include/`, `programs/`.
    """
    for path in sorted(TREE.rglob("*")):
        if path.is_file():
            _place(directory / path.relative_to(TREE), path.read_bytes())
    _place(directory / _PROJECT / "standin.mk", variant.makefile().encode())
    for each in COMPILERS:
        name = variant.defconfig(each)
        _place(directory / _PROJECT / "configs" / "defconfigs" / name, variant.settings(each).encode())
    _place_sources(directory / _SOURCE, native)
    chosen = directory / _PROJECT / variant.config_file
    if arch is None:
        chosen.unlink(missing_ok=True)
    else:
        _place(chosen, variant.settings(arch).encode())
    return directory


def _place_sources(source: Path, native: Path) -> None:
    """The library as `common`, each main as a program of its own; sources that have gone go here too."""
    wanted: dict[Path, Path] = {}
    for folder in ("src", "include"):
        base = native / folder
        wanted |= {
            source / "common" / path.relative_to(native): path for path in base.rglob("*") if path.is_file()
        }
    for name, target in PROGRAMS.items():
        if (native / "programs" / name).is_file():
            wanted[source / target / name] = native / "programs" / name
    for target_path, path in wanted.items():
        _place(target_path, path.read_bytes())
    flags = source / "common" / "flags.mk"
    _place(flags, _flags(native / "Makefile").encode())
    for old in (source / "common").rglob("*"):
        if old.is_file() and old != flags and old not in wanted:
            old.unlink()


def _flags(makefile: Path) -> str:
    """The library's own flags, for the same bits come of the same flags only."""
    text = makefile.read_text(encoding="utf-8") if makefile.is_file() else ""
    return "".join(f"{line}\n" for line in text.splitlines() if _FLAGS.match(line))


def _place(path: Path, data: bytes) -> None:
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)

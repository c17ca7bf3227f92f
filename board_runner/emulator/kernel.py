"""Debian's kernel for an emulated board: the image, and the few modules a virtual board needs, in loading order."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.packages import DebianArch, Packages, Say, silent

METAPACKAGES: Mapping[DebianArch, str] = {"arm64": "linux-image-cloud-arm64", "armhf": "linux-image-armmp"}
NEEDED = ("virtio_mmio", "virtio_net", "virtio_blk", "crc32c_generic", "ext4")
"""Modules by the name in `lsmod`; one that the kernel has built in is not there and not missed. crc32c_generic
is a soft dependency of ext4, which a module file names in other words."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernel image as QEMU loads it."""

    package: str  # linux-image-6.1.0-...: its name ends in what `uname -r` says
    image: Path
    modules: tuple[Path, ...]  # each after those it depends on

    @property
    def release(self) -> str:
        """What `uname -r` says."""
        return self.package.removeprefix("linux-image-")


def kernel(arch: DebianArch, *, say: Say = silent) -> Kernel:
    """Debian's kernel for virtual machines (arm64) or for ARMv7 boards (armhf). Raises EmulatorError.

    Of the 200 MB in its package 6 to 27 are kept.
    """
    packages = Packages(arch=arch, say=say)
    name = packages.dependency(METAPACKAGES[arch])
    folder = packages.folder / "kernels" / name
    if not folder.is_dir():
        (unpacked,) = packages.unpacked([name])
        part = folder.with_name(f".{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _keep(unpacked, part)
        part.rename(folder)
        shutil.rmtree(unpacked)
    modules = sorted(folder.glob("*.ko"), key=lambda path: path.name)
    return Kernel(package=name, image=folder / "vmlinuz", modules=tuple(modules))


def loading_order(modules: Mapping[str, Path], needed: Iterable[str]) -> list[Path]:
    """`needed` and all they depend on, dependencies first; `modules` are all files by `lsmod`'s names."""
    order: dict[str, Path] = {}

    def add(name: str) -> None:
        if name in modules and name not in order:
            for dependency in depends(modules[name]):
                add(dependency)
            order[name] = modules[name]

    for name in needed:
        add(name)
    return list(order.values())


def depends(module: Path) -> list[str]:
    """The modules that one needs, from the `depends=` of its .modinfo section."""
    found = re.search(rb"\0depends=([^\0]*)\0", module.read_bytes())
    if found is None:
        raise EmulatorError(f"{module.name} is no kernel module: it does not say what it depends on")
    return [_lsmod_name(name) for name in found[1].decode().split(",") if name]


def _keep(unpacked: Path, folder: Path) -> None:
    images = list((unpacked / "boot").glob("vmlinuz-*"))
    if len(images) != 1:
        raise EmulatorError(f"{unpacked.name} holds {len(images)} kernel images where one is expected")
    shutil.copyfile(images[0], folder / "vmlinuz")
    modules = {_lsmod_name(path.stem): path for path in (unpacked / "lib/modules").rglob("*.ko")}
    for number, path in enumerate(loading_order(modules, NEEDED)):
        shutil.copyfile(path, folder / f"{number:02d}-{path.name}")


def _lsmod_name(name: str) -> str:
    return name.replace("-", "_")

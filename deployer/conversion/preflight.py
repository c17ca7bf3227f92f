"""What would make the tools fail late, looked at before anything is written: machine, image, version, paths."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer import shell
from toolchain_wrappers.runtime import Host
from toolchain_wrappers.sigmastar import versions
from toolchain_wrappers.sigmastar.tools import Tools

GIB = 1 << 30
CPUINFO = Path("/proc/cpuinfo")
_ASK_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Concern:
    """One thing that is not as it should be, with its cure; `refused` when no run can succeed like that."""

    name: str
    fault: str
    cure: str
    refused: bool = True


def concerns(tools: Tools, *, chip: str, store: Path) -> Iterator[Concern]:
    """Everything wrong with running `tools` for `chip` here; results go to `store`. A tree must be there."""
    if missing := tools.tree.missing():
        yield Concern(
            name="tree",
            fault=f"no usable toolchain: {missing[0]} is not there",
            cure="toolchain: models_dir is the OpenDLAModel folder, tools_dir the SGS_IPU_Toolchain folder",
        )
        return  # of half a tree nothing more can be said
    yield from _writable(tools)
    yield from _disk(tools, store)
    yield from _cpu(tools)
    yield from _paths(tools)
    yield from _image(tools)
    version = versions.version_of(tools.tree.tools_dir, tools.profile.versions)
    for misfit in versions.misfits(version, chip, tools.profile):
        yield Concern(name="version", fault=misfit.fault, cure=misfit.cure, refused=misfit.refused)


def cpu_flags(cpuinfo: Path = CPUINFO) -> set[str]:
    """What the first processor can do, in Linux's words; empty where nobody says."""
    if not cpuinfo.is_file():
        return set()
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    said = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return set(next(said, "").split())


def _writable(tools: Tools) -> Iterator[Concern]:
    models = tools.tree.models_dir
    for folder in (models, models / "config", tools.tree.algorithm_dir):
        if not os.access(folder, os.W_OK):
            yield Concern(
                name="write",
                fault=f"{folder} cannot be written, where model, cfg and data are laid out",
                cure="change its owner (`chown -R`), or copy the tree",
            )
            return


def _disk(tools: Tools, store: Path) -> Iterator[Concern]:
    wanted = tools.profile.needs.free_gib
    seen: set[int] = set()
    for folder in (tools.tree.models_dir, _existing(store)):
        device = folder.stat().st_dev
        free = shutil.disk_usage(folder).free / GIB
        if device not in seen and free < wanted:
            yield Concern(
                name="disk",
                fault=f"{free:.1f} GiB are free at {folder}; a conversion wants {wanted:g}",
                cure="free some space, move the folder, or lower toolchain.profile.needs.free_gib",
            )
        seen.add(device)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _cpu(tools: Tools) -> Iterator[Concern]:
    lacking = sorted(set(tools.profile.needs.cpu_flags) - cpu_flags())
    if lacking:
        yield Concern(
            name="cpu",
            fault=f"this CPU has no {', '.join(lacking)}: the tools would end with 'Illegal instruction'",
            cure="use another machine; if yours need none of it, set toolchain.profile.needs.cpu_flags: []",
        )


def _paths(tools: Tools) -> Iterator[Concern]:
    """As the tools see them: in a container that is another path than here."""
    for key, folder in (("models_dir", tools.tree.models_dir), ("tools_dir", tools.tree.tools_dir)):
        seen = tools.runtime.inside(folder)
        if not seen.isascii():
            yield Concern(
                name="path",
                fault=f"{seen}: names that are not ASCII hang the vendor's calibrator",
                cure=f"move toolchain.{key}, or mount it elsewhere with toolchain.mounts",
                refused=False,
            )
        if any(character.isspace() for character in seen):
            yield Concern(
                name="path",
                fault=f"{seen!r} has a blank, which the vendor's scripts may not quote",
                cure=f"move toolchain.{key}, or mount it elsewhere with toolchain.mounts",
                refused=False,
            )


def _image(tools: Tools) -> Iterator[Concern]:
    if isinstance(tools.runtime, Host):
        if shutil.which("bash") is None:
            yield Concern(name="bash", fault="there is no bash, which runs convert.sh", cure="install it")
        return
    probe = tools.runtime.probe()
    if probe is not None:
        answer = shell.ask(probe.argv, timeout_s=_ASK_S)
        if answer.exit_status != 0:
            yield Concern(name="image", fault=f"{probe.fault}: {answer.reason}", cure=probe.cure)

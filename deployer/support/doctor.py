"""What works on this machine, and what to do about what does not."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from board_runner.errors import DeployError
from deployer import __version__, build, shell
from deployer.building import configured
from deployer.conversion import preflight
from deployer.project import Project
from toolchain_wrappers.sigmastar import versions

GIB = 1 << 30
MEMORY_GIB, DISK_GIB = 6, 5
"""What the vendor's documents ask for: 6 GB of memory; a calibration keeps gigabytes of statistics."""


class State(StrEnum):
    """How a check went; `unused` is something this project does not need."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNUSED = "unused"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check: what was looked at, how it is, and the cure where one is needed."""

    name: str
    state: State
    what: str
    cure: str = ""


def examine(project: Project) -> list[Finding]:
    """Every check, in order; a check that breaks is a finding, not an end."""
    return [finding for check in CHECKS for finding in _guarded(check, project)]


def _guarded(check: Callable[[Project], Iterator[Finding]], project: Project) -> Iterator[Finding]:
    try:
        yield from check(project)
    except DeployError as e:
        yield Finding(name=check.__name__.strip("_"), state=State.FAIL, what=str(e), cure=e.hint)


def _machine(project: Project) -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding(name="python", state=State.OK, what=f"{version} at {sys.executable}, deploy {__version__}")
    has = "avx2" in preflight.cpu_flags()
    yield Finding(
        name="cpu",
        state=State.OK if has else State.WARN,
        what=f"{os.cpu_count()} cores of {platform.machine()}, {'with' if has else 'without'} AVX2",
        cure=""
        if has
        else "the vendor's tools stop with 'Illegal instruction' without it: use another machine",
    )
    yield _amount("memory", os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), MEMORY_GIB)
    folder = project.deployment.root
    yield _amount("disk", shutil.disk_usage(folder).free, DISK_GIB, where=f" free at {folder}")


def _amount(name: str, have_bytes: int, want_gib: int, where: str = "") -> Finding:
    enough = have_bytes >= want_gib * GIB
    return Finding(
        name=name,
        state=State.OK if enough else State.WARN,
        what=f"{have_bytes / GIB:.1f} GiB{where}",
        cure="" if enough else f"the vendor's calibrator wants {want_gib} GiB or more",
    )


def _paths(project: Project) -> Iterator[Finding]:
    root = project.deployment.root
    plain = str(root).isascii()
    yield Finding(
        name="path",
        state=State.OK if plain else State.WARN,
        what=str(root),
        cure="" if plain else "names that are not ASCII hang the vendor's calibrator: move the project",
    )
    writable = os.access(root, os.W_OK)
    yield Finding(
        name="state",
        state=State.OK if writable else State.FAIL,
        what=f"{project.deployment.state_dir} {'can' if writable else 'cannot'} be written",
        cure="" if writable else "run in a folder of your own, or give --config",
    )


PACKAGES = {
    "onnxruntime": "the onnx stage runs on our own interpreter without it: pip install 'sgs-deploy[ort]'",
    "torch": "`deploy export`, `deploy train` and the torch stage need it: pip install 'sgs-deploy[export]'",
    "onnxsim": "`deploy export` needs it: pip install 'sgs-deploy[export]'",
}
"""What is used where it is there, and what lacks without it."""


def _packages(project: Project) -> Iterator[Finding]:
    for package, cure in PACKAGES.items():
        there = importlib.util.find_spec(package) is not None
        yield Finding(
            name=package,
            state=State.OK if there else State.UNUSED,
            what="installed" if there else "not installed",
            cure="" if there else cure,
        )


def _programs(project: Project) -> Iterator[Finding]:
    for program, why in {"ssh": "boards that paramiko cannot reach", "bash": "convert.sh"}.items():
        found = shutil.which(program)
        yield Finding(
            name=program,
            state=State.OK if found else State.WARN,
            what=found or "not found",
            cure="" if found else f"needed for {why}: install it",
        )
    for engine in ("docker", "podman"):
        yield _engine(engine)


def _engine(engine: str) -> Finding:
    """A client that is there may still have nobody to talk to."""
    if shutil.which(engine) is None:
        return Finding(name=engine, state=State.UNUSED, what="not found", cure="only for `toolchain.runtime`")
    asked = shell.ask([engine, "version", "--format", "{{.Server.Version}}"], timeout_s=20)
    if asked.exit_status == 0:
        return Finding(name=engine, state=State.OK, what=f"version {asked.out}")
    return Finding(
        name=engine,
        state=State.WARN,
        what=f"does not answer: {asked.reason}",
        cure=f"start the {engine} service, and see that you may use it (`id` shows your groups)",
    )


def _toolchain(project: Project) -> Iterator[Finding]:
    section = project.deployment.settings.toolchain
    if section.models_dir is None or section.tools_dir is None:
        yield Finding(
            name="toolchain",
            state=State.OK,
            what="the built-in stand-in: real numbers, but no image for an IPU",
            cure="set toolchain.models_dir and toolchain.tools_dir for the vendor's",
        )
        return
    tools, chip = project.toolchain.tools, project.deployment.settings.chip
    found = list(preflight.concerns(tools, chip=chip, store=project.artifacts_dir))
    if not any(concern.name == "tree" for concern in found):
        version = versions.version_of(tools.tree.tools_dir, tools.profile.versions)
        yield Finding(
            name="toolchain", state=State.OK, what=f"{tools.tree.models_dir}, tools of version {version}"
        )
    for concern in found:
        name = "toolchain" if concern.name == "tree" else f"toolchain {concern.name}"
        state = State.FAIL if concern.refused else State.WARN
        yield Finding(name=name, state=state, what=concern.fault, cure=concern.cure)


def _sdk(project: Project) -> Iterator[Finding]:
    if not configured.is_wanted(project):
        yield Finding(
            name="sdk", state=State.UNUSED, what="not configured", cure="`sdk:` builds the board's program"
        )
        return
    job = configured.program_job(project)
    planned = build.plan(job)
    chosen = "configured" if planned.chosen else "where its configuration lies is not known"
    yield Finding(
        name="sdk",
        state=State.OK if planned.compiler else State.WARN,
        what=f"{job.tree.root}, {chosen}, {planned.compiler or 'its compiler was not found'}",
        cure=""
        if planned.compiler
        else f"in {job.tree.project}, `make NAME_defconfig`; then put its compiler on PATH, or set sdk.runtime",
    )


def _model(project: Project) -> Iterator[Finding]:
    contract = project.contract
    yield Finding(name="model", state=State.OK, what=f"{contract.model}: {project.onnx}")
    if project.ready_image is not None:
        known = project.image_facts
        yield Finding(
            name="image",
            state=State.OK,
            what=f"{project.ready_image}, chip {known.chip}, input {known.input}",
        )
    yield Finding(name="clips", state=State.OK, what=f"{len(project.clips)} in {project.clips_dir}")


def _boards(project: Project) -> Iterator[Finding]:
    boards = project.deployment.boards
    yield Finding(
        name="boards",
        state=State.OK if boards else State.UNUSED,
        what=", ".join(boards) or "none in deploy.yaml",
        cure=""
        if boards
        else "give --board user@host, or add one to `boards:`; `deploy board probe` asks it",
    )


CHECKS = (_machine, _paths, _packages, _programs, _toolchain, _sdk, _model, _boards)

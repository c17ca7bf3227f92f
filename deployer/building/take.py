"""Which of the programs below `out/` this build made: by what was written, never by what is newest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from board_runner.errors import UsageError
from deployer.building import elf, stamp
from deployer.building.compiler import Compiler
from deployer.building.elf import Binary
from deployer.building.job import BuildJob
from toolchain_wrappers.errors import ToolchainError

Snapshot = dict[Path, tuple[int, int, int]]


def snapshot(job: BuildJob) -> Snapshot:
    """Every program of the job's name below `out/`, with what tells whether it was written since."""
    found = {path: path.stat() for path in job.tree.programs(job.name)}
    return {path: (stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in found.items()}


def take(job: BuildJob, before: Snapshot, after: Snapshot, compiler: Compiler | None) -> Path:
    """The program. Where make had nothing to do, the one that was there, if it is newer than its sources.

    Raises ToolchainError when none, or more than one, can be meant.
    """
    written = sorted(path for path, state in after.items() if before.get(path) != state)
    found = written or _untouched(job, after)
    if job.aarch is not None:
        found = _below(job, found, written)
    if len(found) > 1 and not written:
        found = _noted(job, found)
    if len(found) > 1 and compiler is not None:
        found = [path for path in found if _machine(path) == compiler.machine] or found
    if len(found) == 1:
        return found[0]
    shown = ", ".join(str(path.relative_to(job.tree.opendla)) for path in found)
    raise ToolchainError(
        f"wrote {len(found)} programs {job.name}: {shown}" if found else f"wrote no {job.name}",
        hint="set `sdk.aarch` to the folder below out/ that is the board's" if found else "",
    )


def inspected(job: BuildJob, program: Path, compiler: Compiler | None) -> Binary:
    """What the program wants of a board. Raises ToolchainError where it cannot be the board's at all."""
    try:
        binary = elf.inspect(program)
    except UsageError as e:
        raise ToolchainError(
            f"make wrote a program that cannot run: {e}", hint="`deploy build --clean`"
        ) from e
    machine = binary.header.machine
    if compiler is not None and compiler.machine not in (None, machine):
        raise ToolchainError(
            f"{program} is for {binary.header}, but the SDK's compiler {compiler} builds for another machine",
            hint="look that no CC or CROSS_COMPILE is set in your shell, then `deploy build --clean`",
        )
    if machine not in job.tree.profile.machines:
        raise ToolchainError(
            f"{program} is for {binary.header}; boards of this SDK are {' or '.join(job.tree.profile.machines)}",
            hint="make used this machine's own compiler: choose the board's defconfig in "
            f"{job.tree.project}, then `deploy build --clean`",
        )
    return binary


def _untouched(job: BuildJob, after: Mapping[Path, object]) -> list[Path]:
    """Make says that nothing is to be done; a program older than its sources says otherwise."""
    sources = [path for path in job.tree.source(job.target).rglob("*") if path.is_file()]
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    return sorted(path for path in after if path.stat().st_mtime >= newest)


def _below(job: BuildJob, found: list[Path], written: list[Path]) -> list[Path]:
    wanted = job.tree.only(found, job.aarch or "")
    if not wanted and written:
        folders = ", ".join(f"out/{job.tree.aarch(path)}" for path in written)
        raise ToolchainError(
            f"wrote {job.name} below {folders}, not below out/{job.aarch}",
            hint="sdk.aarch and the defconfig of the SDK do not go together: correct one of them",
        )
    return wanted


def _noted(job: BuildJob, found: list[Path]) -> list[Path]:
    """The one that an earlier build with the same configuration wrote, where that was noted."""
    noted = stamp.read(job.tree)
    name = noted.outputs.get(job.name) if noted else None
    return [path for path in found if name == path.relative_to(job.tree.out).as_posix()] or found


def _machine(path: Path) -> str | None:
    try:
        return elf.inspect(path).header.machine
    except UsageError:
        return None

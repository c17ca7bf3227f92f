"""One run of make: streamed, held to a deadline on progress, its failure explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deployer import shell
from deployer.building.job import BuildJob, run_name
from deployer.events import Advanced, Emit, Logged
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import STATUS_MARK, stated_status
from toolchain_wrappers.sdk import console, defconfig
from toolchain_wrappers.sigmastar.console import plain

_ENVIRONMENT = ("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "LC_ALL=C")
"""Failures are known by their English words, and a make above us has its own flags (`-n` would build nothing).

Said in the command, for a container has an environment of its own.
"""


@dataclass(frozen=True, kw_only=True)
class MakeRan:
    """How make ended, and all it printed."""

    exit_status: int
    lines: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """By its exit status or, for a makefile may ignore errors, by what a compiler or make said."""
        return self.exit_status != 0 or console.shows_error(self.lines)


def run(job: BuildJob, argv: Sequence[str], *, step: str, emit: Emit) -> MakeRan:
    """Run make in opendla; how it ended is reported, not judged. The log is written anew.

    Raises ToolchainError when it said nothing new for the job's `stall_timeout_s`.
    """
    name = run_name()
    seen: set[str] = set()
    sources: set[str] = set()

    def progressed(line: str) -> bool:
        new = line not in seen
        seen.add(line)
        return new

    def on_line(line: str) -> None:
        source = console.source_of(line)
        if source is not None and PurePosixPath(source).stem not in sources:
            sources.add(PurePosixPath(source).stem)  # `CC x.o` and `ld x.o` are about the same
            emit(Advanced(step=step, done=len(sources), note=source))
        if text := plain(line):
            emit(Logged(step=step, line=text))

    job.log.parent.mkdir(parents=True, exist_ok=True)
    ran = shell.stream(
        job.runtime.wrap([*_ENVIRONMENT, *argv], cwd=job.tree.opendla, name=name),
        cwd=job.tree.opendla,
        log=job.log,
        on_line=on_line,
        progressed=progressed,
        idle_timeout_s=job.stall_timeout_s,
        stop=job.runtime.stop(name),
    )
    lines = job.log.read_text(encoding="utf-8", errors="replace").splitlines()
    status = ran.exit_status or stated_status(lines) or 0
    return MakeRan(
        exit_status=status, lines=tuple(line for line in lines if not line.startswith(STATUS_MARK))
    )


def failure(job: BuildJob, what: str, ran: MakeRan) -> ToolchainError:
    """`what` went wrong, the line that tells why, what is known of it, what helps, and where the log is."""
    cause = console.first_error(ran.lines) or next(
        (text for line in reversed(ran.lines) if (text := plain(line))), "it printed nothing"
    )
    known = console.explain(ran.lines, job.tree.profile.failures)
    meaning = known[0].means if known else ""
    cures = [known[0].cure] if known else []
    match defconfig.unchosen(job.tree, ran.lines):
        case ("proven", why):
            meaning = f"no defconfig was chosen: {why}"
            cures = [_choose(job)]
        case ("possible", why):
            cures.append(f"perhaps no defconfig was chosen ({why}): {_choose(job)}")
    seen = job.runtime.inside(job.tree.opendla)
    if any(character.isspace() for character in seen):
        cures.insert(
            0, f"make takes {seen!r} apart at its blank: move the SDK (sdk.dir), or mount it elsewhere"
        )
    told = known[1] if known and not meaning.startswith("no defconfig") else cause
    return ToolchainError(
        f"{what}; make ended with exit status {ran.exit_status}: {told}"
        + (f" ({meaning})" if meaning else ""),
        hint="; ".join([*cures, f"the whole log is {job.log}"]),
    )


def _choose(job: BuildJob) -> str:
    names = defconfig.names(job.tree)
    some = f"; NAME is one of {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}" if names else ""
    return f"in {job.tree.project}, `make {job.defconfig or 'NAME_defconfig'}`{'' if job.defconfig else some}"

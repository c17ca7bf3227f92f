"""Build a board program with the vendor's SDK, as its documents say, and keep what was built."""

from __future__ import annotations

import datetime
import difflib
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deployer import artifacts
from deployer.artifacts import Artifacts, Manifest
from deployer.building import compiler as compilers
from deployer.building import inputs, make_run, stamp, take, turn
from deployer.building.compiler import Compiler
from deployer.building.elf import Binary
from deployer.building.job import BuildJob
from deployer.building.stamp import Stamp
from deployer.events import Emit, Finished, Skipped, Started, Warned
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Host
from toolchain_wrappers.sdk import defconfig
from toolchain_wrappers.sdk.defconfig import Chosen

STEP = "build"
LOG = "build.log"


@dataclass(frozen=True, kw_only=True)
class Built:
    """A program in the store, and where it came from."""

    name: str
    artifacts: Artifacts
    fresh: bool

    @property
    def path(self) -> Path:
        """The program. Raises MissingArtifact when it is gone or changed."""
        return self.artifacts.path(self.name)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a build would do now: `why_clean` None leaves out `make clean`; `current` leaves out all."""

    chosen: Chosen | None
    compiler: Compiler | None
    inputs: Mapping[str, str]
    stamp: Stamp
    why_clean: str | None
    current: Artifacts | None

    def commands(self, job: BuildJob) -> list[str]:
        """As one would type them; nothing where the program is current."""
        if self.current is not None:
            return []
        tree = job.tree
        argvs = [tree.clean()] if self.why_clean else []
        wrapped = [
            job.runtime.wrap(argv, cwd=tree.opendla, name="deploy-dry-run")
            for argv in [*argvs, tree.make(job.target, jobs=job.jobs)]
        ]
        return [f"cd {shlex.quote(str(tree.opendla))}", *(shlex.join(argv) for argv in wrapped)]


def plan(job: BuildJob, *, force: bool = False) -> Plan:
    """Look at the SDK and the store; changes nothing. Raises ToolchainError for an SDK that cannot build it."""
    _check(job)
    chosen = defconfig.read(job.tree)
    _check_choice(job, chosen)
    compiler = compilers.ask(job, chosen)
    found, now = stamp.read(job.tree), stamp.of(chosen, compiler)
    if found is not None and not now.compiler:
        now = replace(now, compiler=found.compiler)  # of one that cannot be asked now, what was known
    hashes = inputs.of(job, chosen, compiler)
    why = stamp.why_clean(job, found, now, chosen)
    current = None if force or job.clean else artifacts.current(job.folder, hashes)
    kept = found.outputs if found is not None and why is None else {}
    return Plan(
        chosen=chosen,
        compiler=compiler,
        inputs=hashes,
        stamp=replace(now, outputs=kept),
        why_clean=why,
        current=current,
    )


def build(job: BuildJob, *, force: bool = False, emit: Emit) -> Built:
    """Build, unless the store holds what these inputs give; `force` asks make in any case.

    Raises ToolchainError: an SDK that lacks what it should have, a run of make that failed or wrote no program,
    or one for another machine. The store is unchanged then.
    """
    planned = plan(job, force=force)
    if planned.current is not None:
        emit(Skipped(step=STEP, note=f"{planned.current.folder / job.name} is current"))
        return Built(name=job.name, artifacts=planned.current, fresh=False)
    emit(Started(step=STEP, unit="files"))
    with turn.alone(job, step=STEP, emit=emit):
        made, binary = _make(job, plan(job, force=True), emit=emit)
    built = Built(name=job.name, artifacts=made, fresh=True)
    emit(Finished(step=STEP, note=f"{binary}, {built.path.stat().st_size} bytes"))
    return built


def _make(job: BuildJob, planned: Plan, *, emit: Emit) -> tuple[Artifacts, Binary]:
    """`make clean` where it is needed, make, and what came of it into the store."""
    said = _clean(job, planned.why_clean, emit=emit) if planned.why_clean else ""
    stamp.write(job.tree, planned.stamp)
    before = take.snapshot(job)
    ran = make_run.run(job, job.tree.make(job.target, jobs=job.jobs), step=STEP, emit=emit)
    if said:
        job.log.write_text(said + job.log.read_text(encoding="utf-8"), encoding="utf-8")
    if ran.failed:
        raise make_run.failure(job, f"{job.name} was not built", ran)
    try:
        program = take.take(job, before, take.snapshot(job), planned.compiler)
    except ToolchainError as e:
        failure = make_run.failure(job, f"make {e}", ran)
        raise ToolchainError(str(failure), hint=e.hint or failure.hint) from e
    binary = take.inspected(job, program, planned.compiler)
    outputs = {**planned.stamp.outputs, job.name: program.relative_to(job.tree.out).as_posix()}
    stamp.write(job.tree, replace(planned.stamp, outputs=outputs))
    files = {job.name: program, LOG: job.log}
    return artifacts.store(job.folder, files, _manifest(job, planned, program, binary)), binary


def _check(job: BuildJob) -> None:
    if missing := job.tree.missing():
        raise ToolchainError(
            f"no usable SDK: {missing[0]} is not there",
            hint="sdk.dir is the folder that holds project/ and sdk/; `deploy sdk standin DIR` makes such a one",
        )
    if not job.tree.source(job.target).is_dir():
        known = job.tree.targets()
        near = difflib.get_close_matches(job.target, known, n=1)
        raise ToolchainError(
            f"this SDK has no source of {job.target}: {job.tree.source(job.target)} is not there",
            hint=f"did you mean {near[0]}?" if near else f"it has: {', '.join(known) or 'none'}",
        )
    if isinstance(job.runtime, Host) and shutil.which(job.tree.profile.make) is None:
        raise ToolchainError(
            f"there is no {job.tree.profile.make} on this machine", hint="apt-get install make"
        )
    job.runtime.inside(job.tree.opendla)


def _check_choice(job: BuildJob, chosen: Chosen | None) -> None:
    """Hold the configured defconfig against what was chosen, as far as both can be read."""
    if job.defconfig is None or chosen is None:
        return
    wanted = defconfig.named(job.tree, job.defconfig)
    if wanted is None:
        near = difflib.get_close_matches(job.defconfig, defconfig.names(job.tree), n=1)
        raise ToolchainError(
            f"no defconfig {job.defconfig} in {job.tree.project / job.tree.profile.defconfigs}",
            hint=f"did you mean {near[0]}?" if near else "correct sdk.defconfig",
        )
    if (difference := defconfig.contradicts(chosen, wanted)) is not None:
        raise ToolchainError(
            f"the SDK is configured for another board than {job.defconfig}: {difference} in {chosen.files[0]}",
            hint=f"in {job.tree.project}, `make {job.defconfig}`; deploy leaves that to you, for it is for all",
        )


def _clean(job: BuildJob, why: str, *, emit: Emit) -> str:
    """`make clean`; gives what it said."""
    dropped = stamp.others(job.tree, job.name)
    names = ", ".join(str(path.relative_to(job.tree.out)) for path in dropped)
    emit(
        Warned(
            step=STEP,
            message=f"make clean: {why}" + (f"; it also drops {names} from out/" if dropped else ""),
        )
    )
    stamp.forget(job.tree)
    ran = make_run.run(job, job.tree.clean(), step=STEP, emit=emit)
    if ran.exit_status != 0:
        raise make_run.failure(job, "make clean failed", ran)
    return job.log.read_text(encoding="utf-8")


def _manifest(job: BuildJob, planned: Plan, program: Path, binary: Binary) -> Manifest:
    return Manifest(
        chip=planned.chosen.values.get("CHIP", "") if planned.chosen else "",
        model="",
        contract="",
        inputs=planned.inputs,
        outputs={},
        settings={
            "target": job.target,
            "machine": str(binary.header),
            "interpreter": binary.interpreter or "",
            "needed": ",".join(binary.needed),
            "compiler": str(planned.compiler or ""),
            "made_in": str(program),
        },
        made_by=f"{shlex.join(job.tree.make(job.target, jobs=job.jobs))} in {job.tree.opendla}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command="build",
    )

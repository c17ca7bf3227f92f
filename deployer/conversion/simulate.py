"""`convert.sh -s true`: the float model simulated as the vendor ships it, and its texts saved away."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deployer import artifacts
from deployer.artifacts import Artifacts
from deployer.conversion import checks, laid_out, tool_run
from deployer.conversion.job import ConvertJob
from deployer.conversion.same_day import under_todays_name
from deployer.events import Emit, Finished, Started, ignore
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import commands, dumps

STEP = "simulate"


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One text a calibration clip, each read through once."""

    folder: Path
    texts: tuple[Path, ...]


def simulate(job: ConvertJob, made: Artifacts, *, emit: Emit) -> Simulated:
    """Simulate what `convert` made, over the data it was calibrated on.

    The vendor's script looks for the folder of the same day, so the one of `made` is given that name while it
    runs. Raises ToolchainError for a missing, short or stale text, whatever the exit status.
    """
    checks.before(job, step=STEP, emit=ignore)  # the conversion has told the warnings
    output = job.tree.models_dir / job.tools.profile.folders.output
    folder = Path(made.manifest.settings.get("made_in", ""))
    if not folder.is_dir() or not folder.is_relative_to(output):
        raise ToolchainError(
            f"{folder or 'the converted tree'} is not there any more",
            hint="`deploy convert --force` makes it again",
        )
    model = job.target.wanted.float_name

    def same(place: Path) -> bool:
        """Whether the float model there is the one that was kept."""
        digest = made.manifest.outputs[artifacts.FLOAT]
        return (place / model).is_file() and artifacts.sha256(place / model) == digest

    if not same(folder):
        raise ToolchainError(
            f"{folder / model} is not what was converted: another conversion has taken its place",
            hint="`deploy convert --force --simulate` converts anew",
        )
    texts = job.tree.algorithm_dir / job.tools.profile.folders.dumps
    with laid_out.alone_in(job.tree.models_dir):
        emit(Started(step=STEP, total=100, unit="%"))
        laid = laid_out.lay_out(job, job.one_cfg, job.one_cfg_path)
        before = commands.snapshot(texts)
        dates = job.tools.profile.folders.dates
        with under_todays_name(folder, output, dates=dates, is_same=same):
            ran = tool_run.run(
                job.tools,
                job.tools.convert(job.one_cfg_path, simulate=True),
                step=STEP,
                cwd=job.tree.models_dir,
                log=job.store / "simulate.log",
                stall_timeout_s=job.stall_timeout_s,
                emit=emit,
                grows=job.tree.algorithm_dir / job.tools.profile.folders.scratch,
            )
        after = commands.snapshot(texts)
        written = [path for path in commands.written(before, after) if path.suffix == ".txt"]
        if len(written) != len(laid.staged.files):
            raise ran.failure(f"the simulator wrote {len(written)} of {len(laid.staged.files)} texts")
        kept = _keep(made.folder / "simulated", written)
    for path in kept:
        _check(path)
    emit(Finished(step=STEP, note=f"{len(kept)} texts in {kept[0].parent}"))
    return Simulated(folder=kept[0].parent, texts=tuple(kept))


def _keep(folder: Path, written: list[Path]) -> list[Path]:
    """Away from where the next run wipes them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [Path(shutil.copy2(path, folder / path.name)) for path in written]


def _check(path: Path) -> None:
    try:
        dumps.parse(path.read_text(encoding="utf-8", errors="replace"))
    except ToolchainError as e:
        raise ToolchainError(f"{path.name}: {e}", hint=e.hint) from e

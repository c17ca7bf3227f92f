"""Converting as the vendor documents it: `convert.sh -s false`."""

from __future__ import annotations

from pathlib import Path

from deployer.conversion import tool_run
from deployer.conversion.collect import collect
from deployer.conversion.job import ConvertJob
from deployer.events import Emit
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import commands


def convert(job: ConvertJob, *, log: Path, step: str, emit: Emit) -> dict[tuple[str, str], Path]:
    """Run it and take what this run wrote, by chip and name. Raises ToolchainError when one is not there."""
    output = job.tree.models_dir / job.tools.profile.folders.output
    before = commands.snapshot(output)
    ran = tool_run.run(
        job.tools,
        job.tools.convert(job.cfg_path, simulate=False),
        step=step,
        cwd=job.tree.models_dir,
        log=log,
        stall_timeout_s=job.stall_timeout_s,
        emit=emit,
    )
    written = commands.written(before, commands.snapshot(output))
    try:
        found = collect(written, [target.wanted for target in job.targets], below=output)
    except ToolchainError as e:
        raise ran.failure(f"convert.sh {e}") from e
    if ran.exit_status != 0:
        raise ran.failure("convert.sh failed")
    return found

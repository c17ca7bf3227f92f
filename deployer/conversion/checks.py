"""What would make the tools fail late, looked at before they start."""

from __future__ import annotations

import shutil

from board_runner.graph import Graph
from deployer.conversion.job import ConvertJob
from deployer.events import Emit, Warned
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import findings, input_config_check, model_facts

FREE_BYTES = 1 << 30


def before(job: ConvertJob, *, step: str, emit: Emit) -> None:
    """Raise ToolchainError for a tree that cannot work; warn of what the tools are known to stumble over."""
    if missing := job.tree.missing():
        raise ToolchainError(
            f"no usable toolchain: {missing[0]} is not there",
            hint="toolchain: models_dir is the OpenDLAModel folder, tools_dir the SGS_IPU_Toolchain folder",
        )
    free = shutil.disk_usage(job.tree.models_dir).free
    if free < FREE_BYTES:
        raise ToolchainError(
            f"{free >> 20} MiB are free at {job.tree.models_dir}; a conversion wants {FREE_BYTES >> 20}",
            hint="free some space, or move the tree",
        )
    _check_ini(job, step=step, emit=emit)
    job.tools.runtime.inside(job.tree.models_dir)
    job.tools.runtime.inside(job.tree.tools_dir)
    for folder in (job.tree.models_dir, job.tree.tools_dir):
        if not str(folder.resolve()).isascii():
            emit(
                Warned(step=step, message=f"{folder}: names that are not ASCII hang the vendor's calibrator")
            )


def _check_ini(job: ConvertJob, *, step: str, emit: Emit) -> None:
    """Names, counts, types and layouts against the ONNX, before the tools stumble over them."""
    found = input_config_check.check(job.ini, model_facts.of(Graph.load(job.onnx)))
    for finding in found:
        if finding.is_warning:
            emit(Warned(step=step, message=str(finding)))
    findings.refuse(found)

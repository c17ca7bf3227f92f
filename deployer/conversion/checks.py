"""What would make the tools fail late, refused or warned of before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from board_runner.graph import Graph
from deployer.conversion import preflight
from deployer.conversion.job import ConvertJob
from deployer.events import Emit, Warned
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import cfg_check, findings, input_config_check, model_facts
from toolchain_wrappers.sigmastar.findings import Finding


def before(job: ConvertJob, *, step: str, emit: Emit) -> None:
    """Raise ToolchainError for what no run can succeed with; warn of what the tools are known to stumble over."""
    found = list(preflight.concerns(job.tools, chip=job.chip, store=job.store))
    refused = [concern for concern in found if concern.refused]
    if refused:
        cures = dict.fromkeys(concern.cure for concern in refused)
        raise ToolchainError("\n".join(concern.fault for concern in refused), hint="; ".join(cures))
    for concern in found:
        emit(Warned(step=step, message=f"{concern.fault}: {concern.cure}"))
    _check_cfg(job, step=step, emit=emit)
    _check_inis(job, step=step, emit=emit)


def _check_cfg(job: ConvertJob, *, step: str, emit: Emit) -> None:
    """The user's own: first by itself, then against the files that should be there besides ours."""
    if job.own_cfg is None or job.direct is not None:
        return
    alone = cfg_check.check(
        job.own_cfg,
        chip=job.chip,
        separator=job.separator,
        known_chips=job.tools.profile.cfg.chips,
    )
    _tell(alone, step=step, emit=emit)
    algorithm, entry = job.tree.algorithm_dir, job.own_entry
    assert entry is not None
    data = job.own_cfg.get("QUANT_DATA_PATH")
    staged = [
        algorithm / job.tools.profile.folders.onnx / f"{entry.name}.onnx",
        *([algorithm / data] if data else []),
        *([algorithm / entry.ini] if job.base_ini is not None else []),
    ]
    there = cfg_check.check(
        job.own_cfg,
        algorithm_dir=algorithm,
        onnx_folder=job.tools.profile.folders.onnx,
        separator=job.separator,
        staged=staged,
    )
    _tell([finding for finding in there if finding not in alone], step=step, emit=emit)


def _check_inis(job: ConvertJob, *, step: str, emit: Emit) -> None:
    """Names, counts, types and layouts against the ONNX, before the tools stumble over them."""
    for path, onnx in job.inis():
        found = input_config_check.check(path, model_facts.of(Graph.load(onnx)))
        _tell(found, step=step, emit=emit)


def _tell(found: Sequence[Finding], *, step: str, emit: Emit) -> None:
    for finding in found:
        if finding.is_warning:
            emit(Warned(step=step, message=str(finding)))
    findings.refuse(found)

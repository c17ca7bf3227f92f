"""Converting by the tools themselves, for options that convert.sh does not pass on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.conversion import tool_run
from deployer.conversion.job import ConvertJob, Direct
from deployer.events import Emit


@dataclass(frozen=True, kw_only=True)
class Step:
    """One tool, and the file it must have written."""

    name: str
    argv: list[str]
    makes: Path


def convert(
    job: ConvertJob, options: Direct, *, log: Path, step: str, emit: Emit
) -> dict[tuple[str, str], Path]:
    """Run ConvertTool, calibrator and compiler in a folder of their own below the algorithm.

    Raises ToolchainError at the first that fails or does not write what it should. The log holds all three.
    """
    work = job.tree.algorithm_dir / "deploy_direct"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    whole: list[str] = []
    for each in steps(job, options, work):
        ran = tool_run.run(
            job.tools,
            each.argv,
            step=step,
            cwd=work,
            log=log,
            stall_timeout_s=job.stall_timeout_s,
            emit=emit,
        )
        whole.append(log.read_text(encoding="utf-8", errors="replace"))
        log.write_text("".join(whole), encoding="utf-8")
        if ran.exit_status != 0 or not each.makes.is_file() or each.makes.stat().st_size == 0:
            raise ran.failure(f"{each.name} did not make {each.makes.name}")
    wanted = job.target.wanted
    _image(work, wanted.fixed_name).rename(work / wanted.image_name)
    return {(job.chip, name): work / name for name in wanted.names}


def steps(job: ConvertJob, options: Direct, work: Path) -> Iterator[Step]:
    """The three, in order, with the files that they read and make."""
    tools, wanted, algorithm = job.tools, job.target.wanted, job.tree.algorithm_dir
    float_model, fixed = work / wanted.float_name, work / wanted.fixed_name
    ini = job.ini_path
    quant_file = None
    if options.quant_file is not None:
        quant_file = work / "quant_file.json"
        quant_file.write_bytes(options.quant_file.read_bytes())
    yield Step(
        name="ConvertTool",
        argv=tools.convert_tool(
            onnx=algorithm / tools.profile.folders.onnx / f"{job.staged_model}.onnx",
            shapes=[spec.shape for spec in job.contract.inputs],
            ini=ini,
            out=float_model,
            chip=job.chip,
            work=work,
        ),
        makes=float_model,
    )
    yield Step(
        name="calibrator",
        argv=tools.calibrator(
            data=job.data_dir,
            model=float_model,
            ini=ini,
            preprocess=job.preprocess_path,
            chip=job.chip,
            work=work,
            level=options.quant_level,
            quant_file=quant_file,
            sensitivity=options.sensitivity,
        ),
        makes=fixed,
    )
    yield Step(
        name="compiler",
        argv=tools.compiler(model=fixed, chip=job.chip, work=work),
        makes=_image(work, wanted.fixed_name),
    )


def _image(work: Path, fixed_name: str) -> Path:
    """The compiler's own name for it."""
    return work / f"{fixed_name}_sgsimg.img"

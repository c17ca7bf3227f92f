"""Turn an ONNX model into what a chip runs, by the vendor's tools, and keep what they made."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from board_runner.contract import Array, InputContract
from board_runner.graph import Graph
from board_runner.models.base import AudioModel
from deployer import artifacts
from deployer.artifacts import Artifacts, Manifest
from deployer.conversion import by_script, checks, direct, image_facts, laid_out, staging
from deployer.conversion.job import ConvertJob, Target
from deployer.conversion.laid_out import LaidOut, model_input
from deployer.events import Emit, Event, Finished, Skipped, Started, Warned
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import versions

__all__ = ["convert", "model_input", "model_inputs"]

STEP = "convert"
UNVERIFIED = "it cannot be told whether the calibrator read all"

Found = Mapping[tuple[str, str], Path]
"""(chip, name) -> the file that this run wrote."""


def convert(job: ConvertJob, *, force: bool, emit: Emit) -> Artifacts:
    """Convert, unless the store already holds what these inputs give; gives the project's model for its chip.

    Everything else that the user's cfg lists goes to the store as well, a folder a chip and model. Raises
    ToolchainError: a tree that lacks what it should have, a run that did not make all it promised whatever its
    exit status; the message names the log. The store is unchanged then.
    """
    warned = _checked(job, emit)
    inputs = job.inputs()
    if not force and (found := _current(job, inputs)):
        emit(Skipped(step=STEP, note=f"{found.folder} is current"))
        return found
    for event in warned:  # of nothing that does not run
        emit(event)
    with laid_out.alone_in(job.tree.models_dir):
        emit(Started(step=STEP, total=100, unit="%"))
        laid = laid_out.lay_out(job, job.cfg, job.cfg_path)
        files = _run(job, job.store / artifacts.LOG, emit)
        _all_read(job, laid, emit)
        made = [_store(job, target, inputs, files, emit) for target in job.targets]
    for each in made:
        size = each.image.stat().st_size
        emit(
            Finished(
                step=STEP, note=f"{artifacts.IMAGE} for {each.chip}, {size} bytes, in {each.folder.name}"
            )
        )
    return made[0]


def model_inputs(model: AudioModel, contract: InputContract, wavs: Sequence[Path]) -> dict[str, Array]:
    """Wavs as the model's first input tensor, by clip name. Raises InputError."""
    return {wav.name: model_input(model, contract, wav) for wav in wavs}


def _checked(job: ConvertJob, emit: Emit) -> list[Event]:
    """Warnings, to be told if anything runs; those beside a refusal are told at once."""
    warned: list[Event] = []
    try:
        checks.before(job, step=STEP, emit=warned.append)
    except ToolchainError:
        for event in warned:
            emit(event)
        raise
    return warned


def _current(job: ConvertJob, inputs: Mapping[str, str]) -> Artifacts | None:
    """The project's artefacts, if those and all that were made with them are current."""
    found = [artifacts.current(target.folder, inputs) for target in job.targets]
    return found[0] if all(found) else None


def _run(job: ConvertJob, log: Path, emit: Emit) -> Found:
    if job.direct is None:
        return by_script.convert(job, log=log, step=STEP, emit=emit)
    return direct.convert(job, job.direct, log=log, step=STEP, emit=emit)


def _all_read(job: ConvertJob, laid: LaidOut, emit: Emit) -> None:
    if not laid.ours or not staging.check_read(job.preprocess_path, laid.staged):
        why = f"{UNVERIFIED} {len(laid.staged.files)} clips: the tree has its own script"
        emit(Warned(step=STEP, message=why))


def _store(job: ConvertJob, target: Target, inputs: Mapping[str, str], files: Found, emit: Emit) -> Artifacts:
    wanted = target.wanted
    image = files[target.chip, wanted.image_name]
    kept = {
        artifacts.FLOAT: files[target.chip, wanted.float_name],
        artifacts.FIXED: files[target.chip, wanted.fixed_name],
        artifacts.IMAGE: image,
        artifacts.LOG: job.store / artifacts.LOG,
        artifacts.DATA: job.preprocess_path,
    }
    contract = job.contract if target.onnx == job.onnx else Graph.load(target.onnx).contract
    said = image_facts.ask(job.tools, image, target.chip, contract, step=STEP, emit=emit)
    manifest = Manifest(
        chip=target.chip,
        model=job.contract.model,
        contract=contract.to_json() if contract is not None else "",
        inputs=inputs,
        outputs={},
        settings={
            "conv_input_format": "as in the ini" if job.own_ini else job.conv_format,
            "tensor_arrays": ",".join(job.tensor_arrays),
            "calibration_clips": str(len(job.calibration)),
            "made_in": str(image.parent),
            "toolchain_version": versions.version_of(job.tree.tools_dir, job.tools.profile.versions),
            "image_says": said,
            **(job.direct.described() if job.direct else {}),
        },
        made_by=f"{'the tools' if job.direct else 'convert.sh'} in {job.tree.models_dir}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    return artifacts.store(target.folder, kept, manifest)

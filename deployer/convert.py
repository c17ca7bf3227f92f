"""Turn an ONNX model into what a chip runs, by the vendor's tools, and keep what they made."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from board_runner import audio
from board_runner.contract import Array, InputContract
from board_runner.models.base import AudioModel
from deployer import artifacts
from deployer.artifacts import Artifacts, Manifest
from deployer.conversion import by_script, checks, direct, staging
from deployer.conversion.job import ConvertJob
from deployer.conversion.staging import Staged
from deployer.events import Emit, Finished, Skipped, Started, Warned

STEP = "convert"
UNVERIFIED = "it cannot be told whether the calibrator read all"


def convert(job: ConvertJob, *, force: bool, emit: Emit) -> Artifacts:
    """Convert, unless the store already holds what these inputs give.

    Raises ToolchainError: a tree that lacks what it should have, a run that did not make all it promised
    whatever its exit status; the message names the log. The store is unchanged then.
    """
    checks.before(job, step=STEP, emit=emit)
    inputs = job.inputs()
    if not force and (found := artifacts.current(job.folder, inputs)):
        emit(Skipped(step=STEP, note=f"{found.folder} is current"))
        return found
    emit(Started(step=STEP, total=100, unit="%"))
    staged, ours = _lay_out(job)
    log = job.store / artifacts.LOG
    if job.direct is None:
        files, _ = by_script.convert(job, log=log, step=STEP, emit=emit)
    else:
        files, _ = direct.convert(job, job.direct, log=log, step=STEP, emit=emit)
    if not ours or not staging.check_read(job.preprocess_path, staged):
        emit(
            Warned(step=STEP, message=f"{UNVERIFIED} {len(staged.files)} clips: the tree has its own script")
        )
    kept = {
        artifacts.FLOAT: files[job.wanted.float_name],
        artifacts.FIXED: files[job.wanted.fixed_name],
        artifacts.IMAGE: files[job.wanted.image_name],
        artifacts.LOG: log,
        artifacts.DATA: job.preprocess_path,
    }
    made = artifacts.store(job.folder, kept, _manifest(job, inputs, files[job.wanted.image_name].parent))
    emit(Finished(step=STEP, note=f"{artifacts.IMAGE} for {job.chip}, {made.image.stat().st_size} bytes"))
    return made


def model_input(model: AudioModel, contract: InputContract, wav: Path) -> Array:
    """One wav as the model's first input tensor. Raises InputError."""
    samples = audio.require(audio.read_wav(wav), contract.sample_rate_hz)
    return next(iter(model.chunks(samples, contract)))[contract.inputs[0].name]


def model_inputs(model: AudioModel, contract: InputContract, wavs: Sequence[Path]) -> dict[str, Array]:
    """Wavs as the model's first input tensor, by clip name. Raises InputError."""
    return {wav.name: model_input(model, contract, wav) for wav in wavs}


def _lay_out(job: ConvertJob) -> tuple[Staged, bool]:
    """ONNX, cfg, ini, data and script where the tools look; whether the script is ours."""
    algorithm = job.tree.algorithm_dir
    onnx = algorithm / job.tools.profile.folders.onnx
    onnx.mkdir(exist_ok=True)
    (onnx / f"{job.staged_model}.onnx").write_bytes(job.onnx.read_bytes())
    job.ini.save(job.ini_path)
    job.cfg.save(job.cfg_path)

    def tensors() -> Iterator[tuple[str, Array]]:
        for wav in job.calibration:
            yield wav.name, model_input(job.model, job.contract, wav)

    staged = staging.stage(job.data_dir, tensors(), suffix=job.tools.profile.data_suffix)
    return staged, staging.preprocess(job.preprocess_path, job.contract.inputs[0].shape)


def _manifest(job: ConvertJob, inputs: Mapping[str, str], made_in: Path) -> Manifest:
    return Manifest(
        chip=job.chip,
        model=job.contract.model,
        contract=job.contract.to_json(),
        inputs=inputs,
        outputs={},
        settings={
            "conv_input_format": job.conv_format,
            "tensor_arrays": ",".join(job.tensor_arrays),
            "calibration_clips": str(len(job.calibration)),
            "made_in": str(made_in),
            **(job.direct.described() if job.direct else {}),
        },
        made_by=f"{'the tools' if job.direct else 'convert.sh'} in {job.tree.models_dir}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )

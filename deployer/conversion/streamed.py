"""Converting a model with carried state: by this project's own quantiser and compiler, in this process.

The vendor's tools are given one input a clip; how they take several, and state from run to run, is not published.
"""

from __future__ import annotations

import datetime
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from board_runner import audio, engine
from board_runner.contract import Array
from board_runner.quant import quant_file, streaming
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from board_runner.quant.settings import DEFAULT_THRESHOLD, INPUT_FORMATS, QuantSettings
from deployer import artifacts
from deployer.artifacts import Artifacts, Manifest
from deployer.conversion.job import ConvertJob, Direct
from deployer.errors import ConfigError
from deployer.events import Advanced, Emit, Finished, Logged, Skipped, Started
from toolchain_wrappers import standin

STEP = "convert"


def convert(job: ConvertJob, *, force: bool, emit: Emit) -> Artifacts:
    """Calibrate by running the chunks of every calibration clip in float, quantise, compile, keep.

    What is current stays. Raises ModelError, InputError for a clip, ConfigError for an ini or cfg of the vendor's.
    """
    if job.base_ini is not None or job.base_cfg is not None:
        raise ConfigError(
            f"toolchain.ini and toolchain.cfg go to the vendor's tools, which do not convert {job.contract.model}",
            hint="unset them; conv_input_format and tensor_arrays choose the bits",
        )
    inputs = _inputs(job)
    if not force and (found := artifacts.current(job.folder, inputs)):
        emit(Skipped(step=STEP, note=f"{found.folder} is current"))
        return found
    chosen = settings(job)
    with tempfile.TemporaryDirectory(prefix="deploy-convert-") as temporary:
        notes, files = _make(job, chosen, Path(temporary), emit)
        manifest = Manifest(
            chip=job.chip,
            model=job.contract.model,
            contract=job.contract.to_json(),
            inputs=inputs,
            outputs={},
            settings={
                "conv_input_format": job.conv_format,
                "tensor_arrays": ",".join(job.tensor_arrays),
                "calibration_clips": str(len(job.calibration)),
                **(job.direct.described() if job.direct else {}),
            },
            made_by="deploy's own quantiser and compiler, chunk by chunk",
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        made = artifacts.store(job.folder, files, manifest)
    for note in notes:
        emit(Logged(step=STEP, line=note))
    size = made.image.stat().st_size
    emit(Finished(step=STEP, note=f"{artifacts.IMAGE} for {made.chip}, {size} bytes, in {made.folder.name}"))
    return made


def _inputs(job: ConvertJob) -> dict[str, str]:
    """The hash of everything that decides what comes out."""
    return {
        "onnx": artifacts.sha256(job.onnx),
        "contract": hashlib.sha256(job.contract.to_json().encode()).hexdigest(),
        "bits": " ".join([job.conv_format, *job.tensor_arrays]),
        **{f"direct/{key}": value for key, value in (job.direct or Direct()).described().items()},
        **{f"calibration/{wav.name}": artifacts.sha256(wav) for wav in job.calibration},
        "numerics": standin.numerics_sha256(),
    }


def settings(job: ConvertJob) -> QuantSettings:
    """The bits as the ini would state them to the calibrator, at its own default level. Raises ModelError."""
    direct = job.direct or Direct()
    wanted = "ALL_UINT8" if job.conv_format == "AUTO" else job.conv_format
    return QuantSettings(
        level=direct.quant_level or "L5",
        int16_kinds=INPUT_FORMATS[wanted],
        int16_inputs=tuple(job.tensor_arrays),
        upgrade=job.conv_format == "AUTO" and not job.tensor_arrays,
        sensitivity_threshold=DEFAULT_THRESHOLD if direct.sensitivity is None else direct.sensitivity,
        overrides=quant_file.read(direct.quant_file) if direct.quant_file else {},
    )


def _make(
    job: ConvertJob, chosen: QuantSettings, work: Path, emit: Emit
) -> tuple[tuple[str, ...], dict[str, Path]]:
    names = (artifacts.FLOAT, artifacts.FIXED, artifacts.IMAGE, artifacts.LOG)
    files = {name: work / name for name in names}
    write_float(job.onnx, files[artifacts.FLOAT], contract=job.contract)

    def clips() -> Iterator[Array]:
        for wav in job.calibration:
            yield audio.require(audio.read_wav(wav), job.contract.sample_rate_hz)

    def told(done: int) -> None:
        emit(Advanced(step=STEP, done=done, total=None, note="chunks"))

    emit(Started(step=STEP, total=None, unit="chunks"))
    made = write_fixed(
        files[artifacts.FLOAT],
        files[artifacts.FIXED],
        samples=streaming.samples(job.model, engine.load(files[artifacts.FLOAT]), clips, job.contract),
        settings=chosen,
        progress=told,
    )
    write_image(files[artifacts.FIXED], files[artifacts.IMAGE], chip=job.chip)
    files[artifacts.LOG].write_text("".join(f"{note}\n" for note in made.notes), encoding="utf-8")
    return made.notes, files

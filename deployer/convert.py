"""Drive the vendor's `convert.sh -s false` and keep what it made."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner import audio
from board_runner.contract import Array, InputContract
from board_runner.models.base import AudioModel
from deployer import artifacts, shell
from deployer.artifacts import Artifacts, Manifest
from deployer.events import Advanced, Emit, Finished, Logged, Skipped, Started
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import commands, settings
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.settings import Cfg, ConvFormat

STEP = "convert"
PREPROCESS = "eat_preprocess.py"


@dataclass(frozen=True, kw_only=True)
class ConvertJob:
    """What is to be converted, with what, into which store folder."""

    tree: Tree
    onnx: Path
    contract: InputContract
    model: AudioModel
    chip: str
    calibration: Sequence[Path]
    conv_format: ConvFormat
    store: Path
    tensor_arrays: Sequence[str] = ()
    idle_timeout_s: float = 1800.0

    @property
    def folder(self) -> Path:
        """Where the artefacts go."""
        return artifacts.folder_for(self.store, chip=self.chip, model=self.onnx.stem)

    @property
    def cfg(self) -> Cfg:
        """The conversion as the vendor's cfg has it; our files stand beside the user's, never in their place."""
        return Cfg(
            section=self.contract.model.upper(),
            chip=self.chip,
            model=f"deploy_{self.onnx.stem}",
            ini="deploy_input_config.ini",
            image=artifacts.IMAGE,
            data="deploy_data",
        )

    @property
    def ini(self) -> str:
        """`input_config.ini`."""
        return settings.ini_text(
            inputs=[spec.name for spec in self.contract.inputs],
            outputs=[spec.name for spec in self.contract.outputs],
            conv_format=self.conv_format,
            tensor_arrays=self.tensor_arrays,
        )

    def inputs(self) -> dict[str, str]:
        """The hash of everything that decides what comes out."""
        texts = {"cfg": self.cfg.text(), "ini": self.ini, "contract": self.contract.to_json()}
        return {
            "onnx": artifacts.sha256(self.onnx),
            **{name: _sha256_text(text) for name, text in texts.items()},
            **{f"calibration/{wav.name}": artifacts.sha256(wav) for wav in self.calibration},
            "toolchain": toolchain_identity(self.tree),
        }


def convert(job: ConvertJob, *, force: bool, emit: Emit) -> Artifacts:
    """Convert, unless the store already holds what these inputs give.

    Raises ToolchainError: a tree that lacks what it should have, a run that did not make all it promised
    whatever its exit status; the message names the log. The store is unchanged then.
    """
    if missing := job.tree.missing():
        raise ToolchainError(
            f"no usable toolchain: {missing[0]} is not there",
            hint="toolchain: models_dir is the OpenDLAModel folder, tools_dir the SGS_IPU_Toolchain folder",
        )
    inputs = job.inputs()
    if not force and (found := artifacts.current(job.folder, inputs)):
        emit(Skipped(step=STEP, note=f"{found.folder} is current"))
        return found
    emit(Started(step=STEP, total=100, unit="%"))
    _stage(job)
    before = commands.snapshot(job.tree.output_dir)
    ran = _run(job, emit)
    written = commands.written(before, commands.snapshot(job.tree.output_dir))
    made = artifacts.store(job.folder, _outputs(job, written, ran), _manifest(job, inputs))
    emit(Finished(step=STEP, note=f"{artifacts.IMAGE} for {job.chip}, {made.image.stat().st_size} bytes"))
    return made


def model_inputs(job_model: AudioModel, contract: InputContract, wavs: Sequence[Path]) -> dict[str, Array]:
    """Wav -> the model's first input tensor, by clip name. Raises InputError."""
    name = contract.inputs[0].name
    tensors = {}
    for wav in wavs:
        samples = audio.require(audio.read_wav(wav), contract.sample_rate_hz)
        tensors[wav.name] = next(iter(job_model.chunks(samples, contract)))[name]
    return tensors


def stage_tensors(folder: Path, tensors: Mapping[str, Array]) -> dict[str, Path]:
    """Write tensors as ASCII-named `.npy`: the tools skip wavs in silence, and other names hang a calibrator."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.npy"):
        old.unlink()
    paths = {}
    for index, (name, tensor) in enumerate(tensors.items()):
        stem = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in Path(name).stem)
        paths[name] = folder / f"{index:04d}_{stem}.npy"
        np.save(paths[name], np.ascontiguousarray(tensor, dtype=np.float32))
    return paths


def toolchain_identity(tree: Tree) -> str:
    """A hash over the scripts that do the work: another toolchain version is another input."""
    digest = hashlib.sha256()
    scripts = [tree.models_dir / "convert.sh", tree.algorithm_dir / "convert.sh"]
    for path in [*scripts, *sorted((tree.tools_dir / "Scripts").rglob("*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _stage(job: ConvertJob) -> None:
    algorithm = job.tree.algorithm_dir
    (algorithm / "onnx").mkdir(exist_ok=True)
    (algorithm / "onnx" / f"{job.cfg.model}.onnx").write_bytes(job.onnx.read_bytes())
    (algorithm / job.cfg.ini).write_text(job.ini, encoding="utf-8")
    (job.tree.models_dir / "config" / _cfg_name(job)).write_text(job.cfg.text(), encoding="utf-8")
    stage_tensors(algorithm / job.cfg.data, model_inputs(job.model, job.contract, job.calibration))
    if not (algorithm / PREPROCESS).exists():
        (algorithm / PREPROCESS).write_text(settings.PREPROCESS, encoding="utf-8")


def _run(job: ConvertJob, emit: Emit) -> shell.Ran:
    def on_line(line: str) -> None:
        percent = commands.percent(line)
        if percent is not None:
            emit(Advanced(step=STEP, done=int(percent), total=100, note="calibrating"))
        elif text := commands.plain(line):
            emit(Logged(step=STEP, line=text))

    job.store.mkdir(parents=True, exist_ok=True)
    return shell.stream(
        commands.convert(job.tree, f"config/{_cfg_name(job)}", simulate=False),
        cwd=job.tree.models_dir,
        log=job.store / artifacts.LOG,
        on_line=on_line,
        idle_timeout_s=job.idle_timeout_s,
    )


def _outputs(job: ConvertJob, written: Sequence[Path], ran: shell.Ran) -> dict[str, Path]:
    files = {}
    for name in (artifacts.FLOAT, artifacts.FIXED, artifacts.IMAGE):
        found = [path for path in commands.named(written, name) if path.stat().st_size > 0]
        if len(found) != 1 or ran.exit_status != 0:
            raise ToolchainError(
                f"convert.sh ended with exit status {ran.exit_status} and wrote {len(found)} {name}: "
                f"{last_words(ran.log)}",
                hint=f"the whole log is {ran.log}",
            )
        files[name] = found[0]
    return {**files, artifacts.LOG: ran.log, artifacts.DATA: job.tree.algorithm_dir / PREPROCESS}


def last_words(log: Path) -> str:
    """The last line that says something, without colours."""
    lines = [commands.plain(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it printed nothing")


def _manifest(job: ConvertJob, inputs: Mapping[str, str]) -> Manifest:
    return Manifest(
        chip=job.chip,
        model=job.contract.model,
        contract=job.contract.to_json(),
        inputs=inputs,
        outputs={},
        settings={"conv_input_format": job.conv_format, "calibration_clips": str(len(job.calibration))},
        made_by=f"convert.sh in {job.tree.models_dir}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _cfg_name(job: ConvertJob) -> str:
    return f"deploy_{job.tree.algorithm.replace('/', '_')}.cfg"


def _sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

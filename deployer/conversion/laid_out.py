"""What a run finds in the vendor's tree beside the user's own files; one run at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from board_runner import audio
from board_runner.contract import Array, InputContract
from board_runner.models.base import AudioModel
from deployer.conversion import staging
from deployer.conversion.job import ConvertJob
from deployer.conversion.staging import Staged
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar.cfg import Cfg

LOCK = ".deploy.lock"


@dataclass(frozen=True, kw_only=True)
class LaidOut:
    """The data, and whether the script that reads it is ours and so tells what it read."""

    staged: Staged
    ours: bool


def lay_out(job: ConvertJob, cfg: Cfg, cfg_path: Path) -> LaidOut:
    """ONNX, `cfg`, ini, data and script where the tools look; what an earlier run left there goes.

    Raises ToolchainError for a tree that cannot be written, InputError for a wav.
    """
    try:
        return _lay_out(job, cfg, cfg_path)
    except OSError as e:
        raise _unwritable(job.tree.models_dir, e) from e


def _lay_out(job: ConvertJob, cfg: Cfg, cfg_path: Path) -> LaidOut:
    algorithm = job.tree.algorithm_dir
    onnx = algorithm / job.tools.profile.folders.onnx
    onnx.mkdir(exist_ok=True)
    (onnx / f"{job.staged_model}.onnx").write_bytes(job.onnx.read_bytes())
    job.ini.save(job.ini_path)
    cfg.save(cfg_path)

    def tensors() -> Iterator[tuple[str, Array]]:
        for wav in job.calibration:
            yield wav.name, model_input(job.model, job.contract, wav)

    staged = staging.stage(job.data_dir, tensors(), suffix=job.tools.profile.data_suffix)
    return LaidOut(staged=staged, ours=staging.preprocess(job.preprocess_path, job.contract.inputs[0].shape))


def model_input(model: AudioModel, contract: InputContract, wav: Path) -> Array:
    """One wav as the model's first input tensor. Raises InputError."""
    samples = audio.require(audio.read_wav(wav), contract.sample_rate_hz)
    return next(iter(model.chunks(samples, contract)))[contract.inputs[0].name]


@contextmanager
def alone_in(models_dir: Path) -> Iterator[None]:
    """While the block runs no other `deploy` works in this tree: two would wipe each other's files.

    Raises ToolchainError when one does. A killed one leaves no lock behind.
    """
    try:
        lock = (models_dir / LOCK).open("w")
    except OSError as e:
        raise _unwritable(models_dir, e) from e
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise ToolchainError(
                f"another `deploy` converts or simulates in {models_dir}",
                hint="wait for it, or give each a copy of the tree",
            ) from e
        yield


def _unwritable(models_dir: Path, error: OSError) -> ToolchainError:
    return ToolchainError(
        f"{error.filename or models_dir}: cannot be written: {error.strerror}",
        hint=f"{models_dir} must be yours to write in: change its owner, or copy it",
    )

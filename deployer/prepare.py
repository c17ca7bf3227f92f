"""Any audio -> the exact wavs that the board program reads: 16 bits, mono, at the model's rate."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from board_runner import audio
from board_runner.contract import Array, InputContract
from board_runner.errors import InputError
from deployer import whole_file
from deployer.events import Advanced, Emit, Finished, Started, Warned

STEP = "prepare"
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".mp3"})
"""What is taken from a folder; a file that is named is tried whatever it is called."""

_TARGET = re.compile(r"\d+-\d+-[A-Z]-(\d{1,2})(?:_[\d.]+k)?(?:\.\w+)?")
_CLASSES = 50


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One prepared wav and what was done to get it. Nothing is cut off: the model takes its part."""

    source: Path
    target: Path
    note: str
    source_rate_hz: int
    source_channels: int
    seconds: float
    clipped_samples: int
    silent: bool
    copied: bool


@dataclass(frozen=True, kw_only=True)
class _Job:
    source: Path
    target: Path
    exact: bool


def prepare(sources: Sequence[Path], out_dir: Path, contract: InputContract, *, emit: Emit) -> list[Prepared]:
    """Write `STEM_22.05k.wav` into `out_dir` for each source; folders are walked.

    A file that is exact already is copied byte for byte. Otherwise: float64, mean of the channels, soxr VHQ,
    times 32768, rounded half to even, limited to int16. Raises InputError before anything is written when a
    source is missing, empty, truncated or not audio, or when two would get one name.
    """
    rate = contract.sample_rate_hz
    jobs = _plan(_files(sources, emit), out_dir, rate)
    emit(Started(step=STEP, total=len(jobs), unit="files"))
    out_dir.mkdir(parents=True, exist_ok=True)
    done = []
    for number, job in enumerate(jobs, 1):
        item = _copied(job) if job.exact else _converted(job, rate)
        if item.clipped_samples:
            emit(Warned(step=STEP, message=f"{item.source}: {item.clipped_samples} samples clipped"))
        if item.silent:
            emit(Warned(step=STEP, message=f"{item.source}: silent"))
        done.append(item)
        emit(Advanced(step=STEP, done=number, total=len(jobs), note=item.target.name))
    emit(Finished(step=STEP, note=f"{len(done)} wavs in {out_dir}"))
    return done


def target_of(name: str) -> int | None:
    """The class in a file name of ESC-50 (`FOLD-CLIP-TAKE-TARGET`), prepared or not; None for other names."""
    match = _TARGET.fullmatch(Path(name).name)
    target = int(match[1]) if match else _CLASSES
    return target if target < _CLASSES else None


def target_name(source: Path, sample_rate_hz: int) -> str:
    """`STEM_22.05k.wav`; a stem that ends so already keeps its one suffix."""
    suffix = f"_{sample_rate_hz / 1000:g}k"
    return f"{source.stem.removesuffix(suffix)}{suffix}.wav"


def _files(sources: Sequence[Path], emit: Emit) -> list[Path]:
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        inside = sorted(
            path for path in source.rglob("*") if path.is_file() and not path.name.startswith(".")
        )
        wanted = [path for path in inside if path.suffix.lower() in SUFFIXES]
        if not wanted:
            raise InputError(
                f"{source}: no audio in this folder", hint=f"known: {' '.join(sorted(SUFFIXES))}"
            )
        if len(wanted) < len(inside):
            count = len(inside) - len(wanted)
            emit(Warned(step=STEP, message=f"{source}: {count} files that are no audio were left out"))
        found += wanted
    unique = {path.resolve(): path for path in reversed(found)}  # a file that is named twice is one file
    return list(reversed(unique.values()))


def _plan(files: Sequence[Path], out_dir: Path, rate: int) -> list[_Job]:
    jobs: dict[str, _Job] = {}
    originals = {path.resolve() for path in files}
    for source in files:
        target = out_dir / target_name(source, rate)
        exact = _inspect(source, rate)
        same = jobs.get(target.name)
        if same is not None:
            raise InputError(
                f"{same.source} and {source} would both become {target.name}; nothing was written",
                hint="rename one, or prepare them into different folders",
            )
        if target.resolve() in originals and not (exact and target.resolve() == source.resolve()):
            raise InputError(
                f"{source}: its result would overwrite the source {target}; nothing was written",
                hint="give another --out",
            )
        if target.is_dir():
            raise InputError(f"{target} is a folder; nothing was written", hint="give another --out")
        jobs[target.name] = _Job(source=source, target=target, exact=exact)
    return list(jobs.values())


def _inspect(source: Path, rate: int) -> bool:
    """Whether the board reads the file as it stands; raises InputError if it is no whole audio file."""
    data = audio.read_bytes(source)
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        try:
            layout = audio.scan(data)  # the library below would take a truncated file for a short one
        except InputError as e:
            raise InputError(f"{source}: {e}", hint=e.hint) from e
        if (layout.codec, layout.channels, layout.sample_rate_hz, layout.bits) == (1, 1, rate, 16):
            audio.read_wav(source)
            return True
    try:
        info = soundfile.info(str(source))
    except (soundfile.SoundFileError, RuntimeError) as e:
        raise _not_audio(source, e) from e
    if info.frames == 0:
        raise InputError(f"{source}: no samples: the file holds a header only")
    return False


def _copied(job: _Job) -> Prepared:
    wav = audio.read_wav(job.source)
    if job.target.resolve() != job.source.resolve():
        _replace(job.target, job.source.read_bytes())
    return _prepared(
        job, wav.sample_rate_hz, wav.samples[0], rate=wav.sample_rate_hz, did=["exact already, copied"]
    )


def _converted(job: _Job, rate: int) -> Prepared:
    try:
        frames, source_rate = soundfile.read(str(job.source), dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as e:
        raise _not_audio(job.source, e) from e
    if not np.isfinite(frames).all():
        raise InputError(f"{job.source}: holds values that are not finite (NaN or infinity)")
    did = []
    channels = frames.shape[1]
    mono = frames.mean(axis=1) if channels > 1 else frames[:, 0]
    if channels > 1:
        did.append(f"mixed {channels} channels to mono")
    if source_rate != rate:
        mono = soxr.resample(mono, source_rate, rate, quality="VHQ")
        did.append(f"resampled from {source_rate} Hz")
    if mono.size == 0:
        raise InputError(f"{job.source}: too short: no sample is left at {rate} Hz")
    samples, clipped = to_int16(mono)
    _replace(job.target, wav_bytes(samples, rate))
    did.append("written with 16 bits")
    return _prepared(job, source_rate, samples, rate=rate, channels=channels, did=did, clipped=clipped)


def to_int16(samples: Array) -> tuple[Array, int]:
    """Float (n,) in -1..1 -> int16, rounded half to even, and how many samples had to be limited."""
    scaled = np.rint(samples * 32768.0)
    clipped = int(np.count_nonzero((scaled > 32767) | (scaled < -32768)))
    return np.clip(scaled, -32768, 32767).astype(np.int16), clipped


def wav_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """A mono 16-bit wav file of int16 (n,); the same samples give the same bytes."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def _prepared(
    job: _Job,
    source_rate: int,
    samples: Array,
    *,
    rate: int,
    did: list[str],
    channels: int = 1,
    clipped: int = 0,
) -> Prepared:
    seconds = samples.size / rate
    silent = not samples.any()
    said = [*did, *([f"{clipped} samples clipped"] if clipped else []), *(["silent"] if silent else [])]
    return Prepared(
        source=job.source,
        target=job.target,
        note=f"{', '.join(said)}; {seconds:.2f} s, not cut",
        source_rate_hz=source_rate,
        source_channels=channels,
        seconds=seconds,
        clipped_samples=clipped,
        silent=silent,
        copied=job.exact,
    )


def _replace(target: Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new one, whole."""
    try:
        whole_file.write(target, data)
    except OSError as e:
        raise InputError(f"{target}: cannot be written ({e.strerror or e})") from e


def _not_audio(source: Path, error: Exception) -> InputError:
    return InputError(f"{source}: no audio that can be read ({error})", hint="wav, FLAC or Ogg are known")

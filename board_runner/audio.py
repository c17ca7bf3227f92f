"""Wav files in numpy: what the board program reads, on the host and on the board alike."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError

MAX_BYTES = 1 << 28
"""256 MiB: over an hour of mono float64 at 8 kHz; a board has less memory than that."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_CODECS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM 6.10", 80: "MPEG", 85: "MP3"}
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_MEND = "copy or record it again, or leave it out"
_PREPARE = "`deploy prepare FILE` makes the wav that the board program reads"


@dataclass(frozen=True, kw_only=True)
class Wav:
    """One file's sound: `samples` is float32 (channels, n) in -1..1; `encoding` is `int16`, `float32`, ..."""

    path: Path
    sample_rate_hz: int
    samples: Array
    encoding: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A wav file's header, and where its samples lie."""

    codec: int
    channels: int
    sample_rate_hz: int
    block_bytes: int
    bits: int
    start: int
    stop: int

    @property
    def container_bytes(self) -> int:
        """Bytes a sample takes in the file."""
        return (self.bits + 7) // 8


def read_wav(path: Path) -> Wav:
    """Read PCM of 8, 16, 24 or 32 bits, float32 or float64.

    Integers of b bits become float32 as round(x) * 2**(1 - b): one exact multiplication after the conversion,
    which rounds (half even) only for 32 bits. 8-bit samples are unsigned, so 128 is taken off first.
    Raises InputError: missing, empty, truncated, not audio, no samples, another codec, values not finite.
    """
    data = read_bytes(path)
    try:
        layout = scan(data)
        samples, encoding = _decode(data, layout)
    except InputError as e:
        raise InputError(f"{path}: {e}", hint=e.hint or _MEND) from e
    return Wav(path=path, sample_rate_hz=layout.sample_rate_hz, samples=samples, encoding=encoding)


def require(wav: Wav, sample_rate_hz: int) -> Array:
    """The one channel of a mono file at this rate, float32 (n,); any other file is refused."""
    if wav.sample_rate_hz != sample_rate_hz:
        raise InputError(
            f"{wav.path}: {wav.sample_rate_hz} Hz, the model wants {sample_rate_hz} Hz", hint=_PREPARE
        )
    channels = wav.samples.shape[0]
    if channels != 1:
        raise InputError(f"{wav.path}: {channels} channels, the model wants one", hint=_PREPARE)
    mono: Array = wav.samples[0]
    return mono


def read_bytes(path: Path) -> bytes:
    """The whole file, at most MAX_BYTES. Raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as e:
        raise InputError(f"{path}: no such file") from e
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e})") from e
    if not data:
        raise InputError(f"{path}: the file is empty", hint=_MEND)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES >> 20} MiB", hint="cut it into shorter clips")
    return data


def scan(data: bytes) -> Layout:
    """Find header and samples; chunks of no interest are skipped, what follows the samples is not looked at.

    Raises InputError for no wav, no or a damaged header, and for samples that are not all there.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise InputError("not a wav file", hint=_PREPARE)
    header: bytes | None = None
    offset = 12
    while offset + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, offset)
        offset += 8
        if name == b"data":
            if header is None:
                raise InputError("the samples come before the header (`fmt ` chunk)")
            return _layout(header, offset, size, len(data))
        if name == b"fmt ":
            header = data[offset : offset + size]
        offset += size + (size & 1)
    raise InputError(f"no samples: the file ends after {len(data)} bytes without a `data` chunk")


def _layout(header: bytes, start: int, size: int, file_bytes: int) -> Layout:
    if len(header) < 16:
        raise InputError(f"damaged header: {len(header)} bytes of 16")
    codec, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", header)
    if codec == _EXTENSIBLE:
        if len(header) < 40 or header[26:40] != _SUBFORMAT_TAIL:
            raise InputError("unsupported codec: an extended header of an unknown kind", hint=_PREPARE)
        (codec,) = struct.unpack_from("<H", header, 24)
    if channels == 0:
        raise InputError("damaged header: it states no channels")
    if rate == 0:
        raise InputError("damaged header: it states a sample rate of 0 Hz")
    there = file_bytes - start
    if there < size:
        raise InputError(
            f"truncated: the header states {size} bytes of samples, the file holds {there}",
            hint="copy the file again; a recorder that was cut off leaves such files",
        )
    return Layout(
        codec=codec,
        channels=channels,
        sample_rate_hz=rate,
        block_bytes=block,
        bits=bits,
        start=start,
        stop=start + size,
    )


def _decode(data: bytes, layout: Layout) -> tuple[Array, str]:
    width = layout.container_bytes
    known = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8)}.get(layout.codec)
    if known is None or width not in known:
        name = {_PCM: "PCM", _FLOAT: "float"}.get(layout.codec) or _CODECS.get(layout.codec, "number")
        raise InputError(
            f"unsupported codec: {name} ({layout.codec}) of {layout.bits} bits; known are PCM 8, 16, 24, 32 "
            "and float 32, 64",
            hint=_PREPARE,
        )
    if layout.block_bytes != width * layout.channels:
        raise InputError(
            f"damaged header: {layout.block_bytes} bytes a frame, "
            f"yet {layout.channels} channels of {layout.bits} bits"
        )
    frames, rest = divmod(layout.stop - layout.start, layout.block_bytes)
    if rest:
        raise InputError(f"truncated: {rest} bytes of a last frame of {layout.block_bytes} bytes")
    if frames == 0:
        raise InputError("no samples: the file holds a header only")
    raw = np.frombuffer(data, np.uint8, count=layout.stop - layout.start, offset=layout.start)
    flat = _floats(raw, width) if layout.codec == _FLOAT else _integers(raw, width)
    kind = "float" if layout.codec == _FLOAT else "int" if width > 1 else "uint"
    return np.ascontiguousarray(flat.reshape(frames, layout.channels).T), f"{kind}{8 * width}"


def _integers(raw: Array, width: int) -> Array:
    if width == 1:
        values = raw.astype(np.float32) - np.float32(128)
    elif width == 3:
        padded = np.zeros((raw.size // 3, 4), np.uint8)
        padded[:, 1:] = raw.reshape(-1, 3)
        values = (padded.view("<i4")[:, 0] >> 8).astype(np.float32)  # the shift carries the sign down
    else:
        values = raw.view(f"<i{width}").astype(np.float32)
    return values * np.float32(2.0 ** (1 - 8 * width))


def _floats(raw: Array, width: int) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is refused below
        values = raw.view(f"<f{width}").astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError("holds values that are not finite (NaN or infinity)")
    return values

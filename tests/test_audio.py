"""The wav reader against an independent one, and against files that are not what they say."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from board_runner import audio
from board_runner.contract import Array
from board_runner.errors import InputError

QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def _wav(subtype: str, *, channels: int = 1, frames: int = 64, rate: int = 22050, kind: str = "WAV") -> bytes:
    noise = np.random.default_rng(frames + channels).uniform(-1, 1, (frames, channels))
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def _read(folder: Path, data: bytes) -> audio.Wav:
    path = folder / "x.wav"
    path.write_bytes(data)
    return audio.read_wav(path)


@given(
    st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]),
    st.tuples(st.integers(1, 6), st.integers(1, 300)),
    st.sampled_from([8000, 22050, 44100, 192000]),
    st.sampled_from(["WAV", "WAVEX"]),
)
@QUICK
def test_any_width_reads_as_libsndfile_reads_it(
    tmp_path: Path, subtype: str, size: tuple[int, int], rate: int, kind: str
) -> None:
    """Every width, channel count and rate, plain or extended: bit for bit the same float32."""
    channels, frames = size
    data = _wav(subtype, channels=channels, frames=frames, rate=rate, kind=kind)
    expected, expected_rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)

    wav = _read(tmp_path, data)

    assert (expected_rate, "float32") == (wav.sample_rate_hz, wav.samples.dtype.name)
    np.testing.assert_array_equal(expected.T, wav.samples)


@given(st.data())
@QUICK
def test_damage_ends_in_one_kind_of_error(tmp_path: Path, data: st.DataObject) -> None:
    """Cut anywhere, with any bytes of the header changed: read or refused, never another exception."""
    whole = bytearray(_wav("PCM_16", channels=2, frames=20))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, 47))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])

    try:
        wav = _read(tmp_path, cut)
    except InputError as e:
        assert "x.wav" in str(e)
    else:
        assert wav.samples.size > 0


@given(st.integers(45, 44 + 127))
@QUICK
def test_missing_samples_are_counted(tmp_path: Path, length: int) -> None:
    """A file cut within its samples is refused with what it states and what it holds."""
    with pytest.raises(InputError, match=rf"states 128 bytes of samples, the file holds {length - 44}"):
        _read(tmp_path, _wav("PCM_16")[:length])


def test_sixteen_bits_are_divided_by_a_power_of_two(tmp_path: Path) -> None:
    """int16 x -> x / 32768 exactly: the ends of the range and the smallest step."""
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    soundfile.write(tmp_path / "x.wav", samples, 22050, subtype="PCM_16")

    wav = audio.read_wav(tmp_path / "x.wav")

    assert [[-1.0, -1 / 32768, 0.0, 1 / 32768, 32767 / 32768]] == wav.samples.tolist()
    assert "int16" == wav.encoding


def test_unknown_chunks_are_skipped(tmp_path: Path) -> None:
    """A list of odd length before the header, and anything after the samples, do not matter."""
    data = _wav("PCM_16")
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"

    wav = _read(tmp_path, data[:12] + odd + data[12:] + b"junk")

    np.testing.assert_array_equal(_read(tmp_path, data).samples, wav.samples)


def _header(codec: int = 1, channels: int = 1, rate: int = 22050, block: int = 2, bits: int = 16) -> bytes:
    fmt = struct.pack("<HHIIHH", codec, channels, rate, rate * block, block, bits)
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", 4) + bytes(4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"ID3\x04 an mp3 file", "not a wav"),
        (b"RIFF\0\0\0\0AVI LIST", "not a wav"),
        (_header(channels=0), "no channels"),
        (_header(rate=0), "0 Hz"),
        (_header(codec=7, bits=8, block=1), r"mu-law \(7\)"),
        (_header(codec=85), r"MP3 \(85\)"),
        (_header(codec=3), "float"),
        (_header(bits=64, block=8), "64 bits"),
        (_header(block=3), "3 bytes a frame"),
        (_header()[:36], "without a `data` chunk"),
        (_header()[:40] + bytes(4), "header only"),
        (_header(codec=3, bits=32, block=4)[:-4] + struct.pack("<f", float("nan")), "not finite"),
        (_header()[:12] + _header()[36:], "before the header"),
    ],
)
def test_what_is_no_usable_wav_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    """Each unusable file ends in an error that names the file and the fault."""
    with pytest.raises(InputError, match=words) as caught:
        _read(tmp_path, data)

    assert str(tmp_path / "x.wav") in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    """A path without a file is named."""
    with pytest.raises(InputError, match="no such file"):
        audio.read_wav(tmp_path / "none.wav")
    with pytest.raises(InputError, match="cannot be read"):
        audio.read_wav(tmp_path)


@pytest.mark.parametrize(
    ("rate", "channels", "words"), [(44100, 1, "44100 Hz"), (22050, 2, "2 channels"), (22050, 1, "")]
)
def test_only_the_models_rate_and_one_channel_pass(
    tmp_path: Path, rate: int, channels: int, words: str
) -> None:
    """Another rate or stereo is refused, with the command that cures it."""
    wav = _read(tmp_path, _wav("PCM_16", rate=rate, channels=channels))

    if not words:
        samples: Array = audio.require(wav, 22050)
        assert (64,) == samples.shape
        return
    with pytest.raises(InputError, match=words) as caught:
        audio.require(wav, 22050)
    assert "deploy prepare" in caught.value.hint

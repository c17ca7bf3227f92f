"""Spectral front ends in C against those in Python: features, input levels, class ids."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_runner import prog_sed_eat
from board_runner.contract import InputContract
from board_runner.integer import container, image
from board_runner.integer.engine import OfflineEngine
from deployer.logs import parser
from deployer.logs.said import Embedded
from tests.native import scorers
from tests.native.build import Built
from tests.native.features import clips, probed

NUMBER = re.compile(r"\d+\.\d{6} ms")
APART = 1e-6
"""Of features, beside a share as large: float32 holds no more."""
LENGTHS = (2, 4, 6, 10, 14, 16, 22, 26, 46, 62, 400, 552, 990, 1000, 1024, 2048, 5766, 8192)


def _edges_crossed(built: Built, contract: InputContract, paths: list[Path], folder: Path) -> tuple[int, int]:
    """Hold every feature to numpy's; gives how many levels differ, and of how many.

    A level may differ only where the rounding edge lies between the two features.
    """
    scale, crossed, count = scorers.SCALES[contract.model], 0, 0
    for path, made in zip(paths, probed(built, contract, paths, folder), strict=True):
        wanted = scorers.features(path, contract)
        np.testing.assert_allclose(made, wanted, rtol=APART, atol=APART, err_msg=path.name)
        ours, theirs = (scorers.codes(values, scale) for values in (made, wanted))
        assert np.abs(ours - theirs).max() <= 1
        assert np.abs(theirs).max() < 32767
        crossed += int((ours != theirs).sum())
        count += wanted.size
    return crossed, count


@pytest.mark.parametrize("kind", scorers.CONTRACTS)
def test_features_are_numpys(kind: str, here: Built, tmp_path: Path) -> None:
    """Every front end, as shipped and with other numbers: to float32's last digits, and hardly a level differs."""
    contract = scorers.CONTRACTS[kind]
    paths = clips(tmp_path, contract, count=3)

    crossed, count = _edges_crossed(here, contract, paths, tmp_path)

    assert crossed <= 1e-4 * count


@pytest.mark.parametrize("kind", ["mfcc", "log-mel", "log-mel of the port", "speaker"])
def test_features_are_numpys_on_arm(kind: str, crossed: Built, tmp_path: Path) -> None:
    """As shipped, on emulated processors of 64 and of 32 bits."""
    contract = scorers.CONTRACTS[kind]

    edges, count = _edges_crossed(crossed, contract, clips(tmp_path, contract, count=1), tmp_path)

    assert edges <= 1e-4 * count


def test_the_sanitizers_find_nothing_in_any_front_end(checked: Built, tmp_path: Path) -> None:
    """Clips of all lengths through all front ends, under AddressSanitizer and UndefinedBehaviorSanitizer."""
    for number, contract in enumerate(scorers.CONTRACTS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = clips(folder, contract, count=1)

        assert len(paths) == len(probed(checked, contract, paths, folder))


def test_power_spectra_are_numpys(checked: Built) -> None:
    """Lengths of every small prime factor, against numpy.fft; what is not known is said to be so."""
    done = checked.run("probe", "fft", *map(str, LENGTHS))
    lines = done.stdout.splitlines()
    for length, line in zip(LENGTHS, lines, strict=True):
        x = (np.arange(length) * 7919 % 1000) / 1000 - 0.5
        wanted = np.abs(np.fft.rfft(x)) ** 2
        np.testing.assert_allclose([float(word) for word in line.split()], wanted, atol=1e-10 * wanted.max())

    unknown = checked.run("probe", "fft", "0", "1", "-2", "3", "401", "74", "16386", "32768")
    assert ["unknown"] * 8 == unknown.stdout.splitlines()


@pytest.mark.parametrize("kind", ["mfcc", "log-mel", "log-mel of the port", "speaker"])
def test_both_programs_say_the_same_of_every_clip(
    kind: str, here: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """From wav to class id, on the shipped clips; and where a clip or a rate does not do, or nothing is decided."""
    contract = scorers.CONTRACTS[kind]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SGS_KMSG", raising=False)
    (tmp_path / "in").mkdir()
    clips(tmp_path / "in", contract)
    scorers.write_image(tmp_path, contract)
    soundfile.write("other.wav", np.zeros(100), 11025)
    soundfile.write("tiny.wav", np.full(200, 0.1), contract.sample_rate_hz)
    for given in ("in", "other.wav", "tiny.wav"):
        words = ["-i", given, "-m", "eat.img"]
        code = prog_sed_eat.main(words)
        said = capfd.readouterr()

        done = here.run("prog_sed_eat", *words)

        assert (code, said.err) == (done.returncode, done.stderr)
        assert NUMBER.sub("N", said.out) == NUMBER.sub("N", done.stdout)


@pytest.mark.parametrize("kind", ["mfcc", "log-mel", "log-mel of the port", "speaker"])
def test_what_arm_code_says_of_a_clip_is_what_offline_says(kind: str, crossed: Built, tmp_path: Path) -> None:
    """From wav to class id, or to all bits of an embedding, through the host's parser."""
    contract = scorers.CONTRACTS[kind]
    paths = clips(tmp_path, contract, count=1)
    engine = OfflineEngine.load(scorers.write_image(tmp_path, contract))

    done = crossed.run("prog_sed_eat", "-i", tmp_path / "*.wav", "-m", tmp_path / "eat.img")

    said = parser.parse_stream(done.stdout)
    assert all(output.complete for output in said)
    (spec,) = engine.inputs
    for path, output in zip(paths, said, strict=True):
        inputs = {spec.name: scorers.features(path, contract).reshape(spec.shape)}
        answer = engine.run(inputs)[contract.outputs[0].name]
        if isinstance(output.said, Embedded):
            assert answer.astype("<f4").tobytes().hex() == output.said.hex
        else:
            assert int(answer.argmax()) == output.class_id
    assert (kind == "speaker") == isinstance(said[0].said, Embedded)
    assert kind == "speaker" or len({output.class_id for output in said}) > 1


def test_an_embedding_without_a_direction_is_refused(here: Built, tmp_path: Path) -> None:
    """All levels zero: the Python program's words, and no result line."""
    contract = scorers.CONTRACTS["speaker"]
    given = scorers.program_of(contract)
    last = given.instructions[-1]
    still = {
        name: np.zeros_like(t) if name in ("weight", "offset") else t for name, t in last.tensors.items()
    }
    silenced = replace(given, instructions=(*given.instructions[:-1], replace(last, tensors=still)))
    (tmp_path / "eat.img").write_bytes(image.pack("pcupid", contract, silenced))
    soundfile.write(tmp_path / "a.wav", np.zeros(40000), contract.sample_rate_hz)
    words = ["-i", str(tmp_path / "a.wav"), "-m", str(tmp_path / "eat.img")]

    done = here.run("prog_sed_eat", *words)

    assert 255 == done.returncode
    assert "prog_sed_eat: the model's embedding is not finite, or zero\n" == done.stderr
    assert done.stdout.endswith("MI_IPU_Invoke error, ret 44\n")


def _with_info(contract: InputContract, **lines: str | None) -> bytes:
    """The image of a contract with other lines of INFO; None takes one out."""
    blob = image.pack("pcupid", contract, scorers.program_of(contract))
    arena, sections = container.split(blob)
    info = container.read_info(sections["INFO"])
    for name, value in lines.items():
        key = name if name in info else f"front_end.{name}"
        info.pop(key, None)
        if value is not None:
            info[key] = value
    text = "".join(f"{key}={value}\n" for key, value in info.items()).encode()
    return container.seal({**sections, "INFO": text}, arena_bytes=arena, version=container.version(blob))


@pytest.mark.parametrize(
    ("kind", "lines", "words"),
    [
        ("mfcc", {"window": None}, "damaged image: no 'front_end.window' in INFO"),
        ("mfcc", {"window": "0"}, "'front_end.window' is '0', a whole number from 1 to 16384 is wanted"),
        ("mfcc", {"window": "16385"}, "whole number from 1 to 16384"),
        ("mfcc", {"window": "512.5"}, "whole number from 1 to 16384"),
        ("mfcc", {"window": "1"}, "an FFT of 1, which the runner lacks"),
        ("mfcc", {"samples": "99999999999999999999999"}, "'front_end.samples' is"),
        ("mfcc", {"samples": "300"}, "MFCC of fewer samples than its window"),
        ("mfcc", {"coefficients": "41"}, "whole number from 1 to 40"),
        ("mfcc", {"channels": "2000"}, "whole number from 1 to 1024"),
        ("mfcc", {"low_hz": "nan"}, "'front_end.low_hz' is 'nan', a number is wanted"),
        ("mfcc", {"low_hz": "5000"}, "filters from 5000 to 4000 Hz at 16000 Hz"),
        ("mfcc", {"high_hz": "8001"}, "filters from 20 to 8001 Hz at 16000 Hz"),
        ("mfcc", {"stride": "321"}, r"ok|the input has 490 elements, the front end makes \[49, 10\]"),
        ("mfcc", {"stride": "160"}, r"the input has 490 elements, the front end makes \[97, 10\] features"),
        ("log-mel", {"variant": "third"}, "log-mel variant 'third'"),
        (
            "log-mel",
            {"fft": "802"},
            "an FFT of 802, which the runner lacks; it knows even lengths up to 16384",
        ),
        ("log-mel", {"fft": "1025"}, "an FFT of 1025, which"),
        ("log-mel", {"window": "1025"}, "a window of 1025 in an FFT of 1024"),
        ("log-mel", {"samples": "1024"}, "log-mel of 1024 samples"),
        ("log-mel", {"stride": "300"}, r"other axes than \[1, 1, 128, 214\], which the front end makes"),
        ("log-mel", {"emphasis": "inf"}, "'front_end.emphasis' is 'inf', a number"),
        ("speaker", {"frames": "-5"}, "'front_end.frames' is '-5', a whole number"),
        ("speaker", {"frames": "100"}, r"the input has 16000 elements, the front end makes \[80, 100\]"),
        ("speaker", {"sample_rate_hz": "0"}, "'sample_rate_hz' is '0'"),
        ("speaker", {"model": "wenet"}, "a model 'wenet', which the runner lacks; it knows: eat, ecapa"),
    ],
)
def test_a_front_end_that_cannot_be_is_refused(
    kind: str, lines: dict[str, str | None], words: str, checked: Built, tmp_path: Path
) -> None:
    """Numbers that are missing, are none, make no features, or make others than the input takes."""
    contract = scorers.CONTRACTS[kind]
    (tmp_path / "eat.img").write_bytes(_with_info(contract, **lines))
    soundfile.write(tmp_path / "a.wav", np.zeros(40000), contract.sample_rate_hz)

    done = checked.run("probe", "input", tmp_path / "eat.img", tmp_path / "a.wav")

    assert (0, "") == (done.returncode, done.stderr)
    assert re.search(words, done.stdout)


def test_the_scores_of_efficientat_are_found_by_name(here: Built, tmp_path: Path) -> None:
    """An image whose outputs are all of other names decides nothing, and says so."""
    contract = scorers.CONTRACTS["log-mel"]
    given = scorers.program_of(contract)
    renamed = replace(given, outputs=tuple((f"{name}s", value) for name, value in given.outputs))
    (tmp_path / "eat.img").write_bytes(image.pack("pcupid", contract, renamed))
    soundfile.write(tmp_path / "a.wav", np.zeros(40000), contract.sample_rate_hz)

    done = here.run("prog_sed_eat", "-i", tmp_path / "a.wav", "-m", tmp_path / "eat.img")

    assert 255 == done.returncode
    assert "no output 'logits'" in done.stderr
    assert "MI_IPU_Invoke error, ret 44" in done.stdout

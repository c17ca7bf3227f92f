"""Checks 2 and 3: images for another chip, of another model or contract; wavs and programs that spoil input."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
from onnx import numpy_helper

from board_runner.integer import image
from board_runner.models import eat
from deployer import program as own_program
from deployer import resources
from deployer.explaining import front_end, input_contract
from tests.explaining.conftest import CLIPS, IDS, Bench, program

CONVERTED = ".deploy/artifacts/pcupid-eat/eat.img"


def _repacked(bench: Bench, *, chip: str = "pcupid", **contract: Any) -> str:
    """The converted image for another chip or with another contract, its program unchanged."""
    made = image.read(bench.root / CONVERTED)
    stated = dataclasses.replace(made.contract, **contract)
    (bench.root / "other.img").write_bytes(image.pack(chip, stated, made.program))
    return "other.img"


def test_an_image_for_another_chip_is_found(fresh: Bench) -> None:
    """A `chip:` that somebody set for the board let the push through; the board itself says what it is."""
    ready = _repacked(fresh, chip="maruko")
    fresh.write(model={"image": ready}, program=fresh.script(program("id=0")), board={"chip": "maruko"})
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "chip and toolchain") == (code, told["cause"]["check"]), told
    assert "the image is for maruko, the board is a pcupid" == told["cause"]["what"]
    assert ["contents"] == [finding["check"] for finding in told["findings"][:-1]]


def test_a_chip_by_another_name_is_no_cause(fresh: Bench) -> None:
    """The board answers as its image says: whatever the two call the chip, it is the right one."""
    ready = _repacked(fresh, chip="maruko")
    fresh.write(model={"image": ready}, program=fresh.script(program()), board={"chip": "maruko"})
    fresh.bench()

    code, told = fresh.explain()

    assert (0, None) == (code, told["cause"]), told


def test_another_board_at_the_address_is_found(benched: Bench) -> None:
    """The same files lie on it, and it is another machine than the run's."""
    record = benched.project.history().record()
    board = dataclasses.replace(record.board, machine="armv7l")
    benched.project.history().add(dataclasses.replace(record, id="20990101-000000-bench-0", board=board))

    code, told = benched.explain("20990101")

    assert (1, "the board that answers now is not the one of the run") == (code, told["cause"]["what"])


def _other_onnx(path: Path) -> None:
    """The shipped network with its last layer's rows in another order: other scores, the same shapes."""
    model = onnx.load(resources.data_dir() / "eat.onnx")
    last = next(node for node in reversed(model.graph.node) if node.op_type in ("Gemm", "MatMul"))
    order = np.random.default_rng(5).permutation(50)
    for weights in model.graph.initializer:
        if weights.name in last.input:
            values = numpy_helper.to_array(weights)
            turned = values[order] if values.shape[0] == 50 else values[:, order]
            weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(turned), weights.name))
    onnx.save(model, path)


@pytest.mark.parametrize("manifest", [True, False])
def test_an_image_of_another_onnx_is_found(manifest: bool, fresh: Bench) -> None:
    """By the manifest of its conversion or, without one, by scores that have nothing to do with the ONNX's."""
    _other_onnx(fresh.root / "other.onnx")
    shutil.copy(fresh.root / CONVERTED, fresh.root / "ready.img")
    if not manifest:
        shutil.rmtree(fresh.root / ".deploy/artifacts")
    fresh.write(model={"onnx": "other.onnx", "image": "ready.img"}, program=fresh.script(program()))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "chip and toolchain") == (code, told["cause"]["check"]), told
    assert ("made of another ONNX" if manifest else "does not compute what other.onnx") in told["cause"][
        "what"
    ]


def test_a_ready_image_of_this_onnx_is_fine(fresh: Bench) -> None:
    """Without any manifest its scores tell that it is of the ONNX: quantised, and still the same network."""
    shutil.copy(fresh.root / CONVERTED, fresh.root / "ready.img")
    shutil.rmtree(fresh.root / ".deploy/artifacts")
    fresh.write(model={"image": "ready.img"}, program=fresh.script(program()))
    fresh.bench()

    code, told = fresh.explain()

    origin = told["findings"][1]
    assert (0, "chip and toolchain", "fine") == (code, origin["check"], origin["verdict"])
    assert "correlate" in origin["evidence"][1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"front_end": {"peak": 0.5, "samples": 114688}}, "front end's peak 0.5 in the image, 0.95 here"),
        ({"sample_rate_hz": 16000}, "rate 16000 Hz in the image, 22050 Hz here"),
    ],
)
def test_an_image_with_another_contract_is_found(
    changes: Mapping[str, Any], words: str, fresh: Bench
) -> None:
    """The simulators here compute features by the ONNX's contract, the board by the image's."""
    fresh.write(model={"image": _repacked(fresh, **changes)}, program=fresh.script(program()))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "input contract") == (code, told["cause"]["check"]), told
    assert words in told["cause"]["what"]


def test_a_contracts_layout_and_type_are_held_against_each_other() -> None:
    """Shapes with the same sizes are another layout; types and counts are told as they are."""
    host = eat.contract()
    (spec,) = host.inputs
    turned = dataclasses.replace(spec, shape=(1, 114688, 1), dtype="int16")

    told = list(input_contract.differences(dataclasses.replace(host, inputs=(turned,)), host))

    assert 1 == len(told)
    assert "images [1, 114688, 1] int16 in the image, images [1, 1, 114688] float32 here" in told[0]
    assert "another layout" in told[0]
    assert [] == list(input_contract.differences(host, host))
    assert "0 inputs in the image, 1 here" in next(
        input_contract.differences(dataclasses.replace(host, inputs=()), host)
    )


def _tone(channels: int = 1, count: int = 4000) -> np.ndarray:
    tone = 0.5 * np.sin(np.arange(count) / 7)
    return tone if channels == 1 else np.stack([tone] * channels, axis=1)


@pytest.mark.parametrize(
    ("samples", "rate", "subtype", "words"),
    [
        (_tone(), 22050, "PCM_16", ""),
        (_tone(), 22050, "FLOAT", ""),
        (_tone(), 44100, "PCM_16", "44100 Hz, the model wants 22050 Hz"),
        (_tone(2), 22050, "PCM_16", "2 channels, the model wants one"),
        (np.rint(_tone() * 32768), 22050, "FLOAT", "integers written as floats, never divided by 32768"),
        (_tone() * 3, 22050, "FLOAT", ""),
    ],
)
def test_a_wav_is_held_against_the_contract(
    samples: np.ndarray, rate: int, subtype: str, words: str, tmp_path: Path
) -> None:
    """Rate, channels and scale; a wav as it should be has no fault."""
    soundfile.write(tmp_path / "clip.wav", samples, rate, subtype=subtype)

    told = input_contract.fault(tmp_path / "clip.wav", eat.contract())

    assert words in told and bool(words) == bool(told)


def test_a_wav_that_is_cut_off_is_no_clip(tmp_path: Path) -> None:
    """The header promises more than the file holds."""
    soundfile.write(tmp_path / "whole.wav", _tone(), 22050, subtype="PCM_16")
    (tmp_path / "clip.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:3000])

    assert "truncated" in input_contract.fault(tmp_path / "clip.wav", eat.contract())


def test_integers_as_floats_are_found_in_a_run(fresh: Bench) -> None:
    """The same bytes here and there, in the record too: only the contract tells that they are wrong."""
    samples, rate = soundfile.read(fresh.clips / CLIPS[2], dtype="int16")
    soundfile.write(fresh.clips / CLIPS[2], samples.astype(np.float32), rate, subtype="FLOAT")
    fresh.write(program=fresh.script(program()))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "input contract") == (code, told["cause"]["check"]), told
    assert told["cause"]["what"].startswith(CLIPS[2])


def test_a_nearly_silent_clip_is_doubted_and_not_accused(fresh: Bench) -> None:
    """Divided by 32768 once too often, or recorded so: nobody can tell, and that is what is said."""
    samples, rate = soundfile.read(fresh.clips / CLIPS[0])
    soundfile.write(fresh.clips / CLIPS[0], samples / 2000, rate, subtype="PCM_16")
    others = {clip: class_id for clip, class_id in IDS.items() if clip != CLIPS[0]}
    for clip in others:
        (fresh.clips / clip).unlink()
    fresh.write(program=fresh.script(program()))
    fresh.bench()

    _, told = fresh.explain()

    doubted = {finding["check"]: finding for finding in told["findings"]}["input contract"]
    assert "cannot tell" == doubted["verdict"]
    assert "divided once too often?" in doubted["evidence"][1]


WRAPPED = """\
#!/bin/sh
# Reads the wav as it should not be read, and hands what it read to the real program.
here=$(pwd); mkdir -p "$here/spoilt"
python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); h, d = d[:44], d[44:]
CHANGE
open(sys.argv[2], "wb").write(h + d)' "$2" "spoilt/$2"
REAL -i "spoilt/$2" -m "$4" | sed "s,spoilt/,,"
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("d[0::2], d[1::2] = d[1::2], d[0::2]", "samples whose bytes are swapped"),
    ],
)
def test_a_program_that_reads_its_wav_wrongly_is_found(change: str, words: str, fresh: Bench) -> None:
    """The mistake that, made in the simulator, gives the board's answers on every clip is named."""
    real = fresh.root / "prog_sed_eat"
    own_program.build_python_program(real)
    fresh.write(program=fresh.script(WRAPPED.replace("CHANGE", change).replace("REAL", str(real))))
    fresh.bench()

    code, told = fresh.explain()

    assert (1, "input contract") == (code, told["cause"]["check"]), told
    assert words in told["cause"]["what"]
    assert "on all 4 clips" in told["cause"]["evidence"][0]


def test_the_mistakes_that_are_tried_are_what_they_say() -> None:
    """Samples by hand: 1, -2 and 256 as int16 levels."""
    samples = np.array([1, -2, 256], np.float32) / 32768
    tried = front_end.of_samples(eat.contract())

    def levels(words: str) -> list[float]:
        (change,) = (made for name, made in tried.items() if words in name)
        return [float(level) for level in change(samples) * 32768]

    assert [256, -257, 1] == levels("bytes are swapped")
    assert [1 - 32768, 65534 - 32768, 256 - 32768] == levels("unsigned")
    assert [1, 256] == levels("every second sample")
    assert [1, 1, -2, -2, 256, 256] == levels("every sample twice")
    assert [256, -2, 1] == levels("backwards")
    assert [1 * 256, 0, -2 * 256, -1 * 256, 0, 1 * 256] == levels("low bytes")
    assert 22 + 3 == len(levels("header"))
    assert [32768, -65536, 256 * 32768] == levels("as int16 levels")
    assert [0.5, -1, 128] == levels("half of their amplitude")
    assert [1, -2] == levels("every second")[:1] + levels("repeated in place")[4:5]
    front = levels("padded in front")
    assert ([1, -2, 256], eat.SAMPLES) == (front[-3:], len(front))

"""Images of every front end over a random linear scorer, and sounds for them: no network, no training tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array, InputContract
from board_runner.frontends.logmel import LogMel
from board_runner.frontends.mfcc import Mfcc
from board_runner.frontends.speaker_mel import SpeakerMel
from board_runner.integer import image
from board_runner.integer.program import Program
from board_runner.models import ecapa, efficientat, kws
from tests.integer.programs import Build

CLASSES = 7

CONTRACTS = {
    "mfcc": kws.contract(classes=CLASSES),
    "mfcc of 40 ms": kws.contract(
        classes=CLASSES, front_end=Mfcc(window=640, stride=320, coefficients=13, low_hz=0.0)
    ),
    "mfcc at 8 kHz": kws.contract(
        classes=CLASSES, front_end=Mfcc(sample_rate_hz=8000, samples=9000, window=200, channels=23)
    ),
    "log-mel": efficientat.contract(classes=CLASSES),
    "log-mel of the port": efficientat.contract(classes=CLASSES, front_end=LogMel(variant="tensorflow")),
    "log-mel of 990": efficientat.contract(
        classes=CLASSES,
        front_end=LogMel(
            sample_rate_hz=22050, samples=20000, fft=990, window=401, stride=333, high_hz=9999.5
        ),
    ),
    "port of 442": efficientat.contract(
        classes=CLASSES,
        front_end=LogMel(variant="tensorflow", samples=5000, fft=442, window=442, stride=500, channels=40),
    ),
    "speaker": ecapa.contract(width=CLASSES),
    "speaker at 22 kHz": ecapa.contract(
        width=CLASSES,
        front_end=SpeakerMel(sample_rate_hz=22050, frames=77, fft=552, stride=221, channels=64, low_hz=90.5),
    ),
}
"""As shipped, and with other numbers: FFTs of 2, 3, 5, 11, 13, 17 and 23, windows shorter than they."""

SCALES = {"kws": 256 / 32767, "efficientat": 4 / 32767, "ecapa": 1.5 / 32767}
"""What a level of the input stands for: no feature of any clip is beyond 32767 of them."""


def program_of(contract: InputContract, seed: int = 0) -> Program:
    """Input, levels, a random matrix; the outputs that the model's decision reads, its own not the first."""
    rng = np.random.default_rng(seed)
    (spec,) = contract.inputs
    count, width = int(np.prod(spec.shape)), contract.outputs[0].shape[-1]
    build = Build(spec.shape)
    levels = build.add("quantize", 0)
    build.values[levels] = replace(build.values[levels], scale=SCALES[contract.model])
    flat = build.add("reshape", levels, ints={"shape": (1, count)})
    weight: dict[str, Array] = {
        "weight": rng.integers(-300, 301, (count, width)).astype(np.int16),
        "offset": np.full(width, 1 << 30, np.int64),
        "multiplier": np.full(width, 1 << 14, np.int32),
        "shift": np.full(width, 31, np.int8),
    }
    last = build.add("linear", flat, tensors=weight)
    name = contract.outputs[0].name
    outputs = [(name, last)] if contract.model == "kws" else [("another", flat), (name, last)]
    return Program(
        values=tuple(build.values),
        instructions=tuple(build.steps),
        inputs=((spec.name, 0),),
        outputs=tuple(outputs),
    )


def write_image(folder: Path, contract: InputContract, name: str = "eat.img") -> Path:
    """The image of a contract over its random matrix."""
    path = folder / name
    path.write_bytes(image.pack("pcupid", contract, program_of(contract)))
    return path


def features(path: Path, contract: InputContract) -> Array:
    """What the Python front end makes of a wav, (n,)."""
    samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
    (made,) = models.get(contract.model).chunks(samples, contract)
    return next(iter(made.values())).reshape(-1)


def sounds(rate_hz: int) -> dict[str, Array]:
    """Noise, a step, one sample and silence: longer than any clip, shorter than any, and in between."""
    rng = np.random.default_rng(rate_hz)
    return {
        "long": rng.uniform(-0.9, 0.9, 3 * rate_hz + 1),
        "short": rng.uniform(-0.2, 0.2, 700),
        "loud": np.sign(rng.standard_normal(2 * rate_hz)),
        "step": np.repeat([0.0, 0.5], rate_hz // 3),
        "click": np.eye(1, rate_hz, 777)[0],
        "silent": np.zeros(rate_hz),
    }


def codes(values: Sequence[float] | Array, scale: float) -> Array:
    """The levels of an int16 input, as float64."""
    return np.clip(np.rint(np.asarray(values, np.float64) / scale), -32768, 32767)

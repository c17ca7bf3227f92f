"""The usual ways in which a program spoils its input, each tried on the board's bytes in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.errors import DeployError
from board_runner.models.base import AudioModel, Decision, run_model
from deployer.explaining.case import Case
from deployer.explaining.replay import Replay, apart, compared

HEADER_BYTES = 44
_WRONG = 3
_CLASSES = 2
"""Clips on which the board differs from the simulator, and classes that it names: fewer could be luck."""

OfSamples = Callable[[Array], Array]
OfTensor = Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What the program feeds the model, in words, and the clips that show it."""

    words: str
    evidence: tuple[str, ...]


def mistake(case: Case, replayed: Replay) -> Mistake | None:
    """The first usual mistake by which the simulator says what the board says of every clip; None for none."""
    clips = compared(case, replayed)
    wrong = apart(case, replayed, clips)
    said = {clip: ids[0] for clip, ids in case.answers.items() if len(ids) == 1}
    steady = all(clip in said for clip in clips) and replayed.engine is not None
    if not steady or len(wrong) < _WRONG or len({said[clip] for clip in clips}) < _CLASSES:
        return None
    order = [*wrong, *(clip for clip in clips if clip not in wrong)]
    for words, says in candidates(case, replayed):
        if all(says(clip) == said[clip] for clip in order):
            shown = (f"{c}: board {said[c]}, as it should be {replayed.class_ids[c]}" for c in wrong[:3])
            alike = f"with this mistake the simulator says what the board says, on all {len(clips)} clips"
            return Mistake(words=words, evidence=(alike, *shown))
    return None


def candidates(case: Case, replayed: Replay) -> Iterator[tuple[str, Callable[[str], int | None]]]:
    """Each mistake in words, and what the simulator says of a clip by it (None: it refuses such an input)."""
    engine, contract = replayed.engine, replayed.contract
    if engine is None or contract is None:
        return
    model = models.get(contract.model)

    def by_samples(change: OfSamples, clip: str) -> int | None:
        changed = np.ascontiguousarray(change(_samples(case, contract, clip)), np.float32)
        return _class_of(model, lambda: run_model(model, engine, changed, contract))

    def by_tensor(change: OfTensor, clip: str) -> int | None:
        tensor = replayed.answers[clip].tensor
        changed = change(tensor.astype(np.float32), _samples(case, contract, clip))
        given = {contract.inputs[0].name: np.ascontiguousarray(changed, tensor.dtype)}
        return _class_of(model, lambda: [engine.run(given)])

    for words, samples in of_samples(contract).items():
        yield words, partial(by_samples, samples)
    for words, tensors in of_tensors(contract).items():
        yield words, partial(by_tensor, tensors)


def _class_of(model: AudioModel, run: Callable[[], Sequence[Tensors]]) -> int | None:
    try:
        decision = model.decode(run())
    except DeployError:
        return None
    return decision.class_id if isinstance(decision, Decision) else None


def of_samples(contract: InputContract) -> dict[str, OfSamples]:
    """Mistakes before the front end: samples -1..1 at the contract's rate -> what the program takes for them."""
    found: dict[str, OfSamples] = {
        "samples whose bytes are swapped": lambda x: _levels(x).byteswap().astype(np.float32) / 32768,
        "samples as int16 levels, not divided by 32768": lambda x: x * np.float32(32768),
        "samples divided by 32768 twice": lambda x: x / np.float32(32768),
        "samples at half of their amplitude": lambda x: x / 2,
        "samples whose peak is brought to 1": lambda x: x / max(float(np.abs(x).max()), 1e-9),
        "the wav's header as samples": lambda x: np.concatenate([np.zeros(HEADER_BYTES // 2, np.float32), x]),
        "unsigned samples": lambda x: _levels(x).view(np.uint16).astype(np.float32) / 32768 - 1,
        "the low bytes of its samples": lambda x: _levels(x).view(np.int8).astype(np.float32) / 128,
        "every second sample (a mono wav read as stereo)": lambda x: x[::2],
        "every sample twice (a mono wav read as two channels)": lambda x: np.repeat(x, 2),
        "the first half of its samples": lambda x: x[: x.size // 2],
        "samples backwards": lambda x: x[::-1].copy(),
        "samples with the sign turned": lambda x: -x,
    }
    count = int(contract.front_end.get("samples", 0))
    if count:
        found["its samples padded in front in place of behind"] = lambda x: np.pad(
            x, (max(0, count - x.size), 0)
        )
        found["its samples repeated in place of padded"] = lambda x: np.resize(x, max(count, x.size))
    return found


def of_tensors(contract: InputContract) -> dict[str, OfTensor]:
    """Mistakes of the front end itself: the tensor as it should be, and the samples -> the tensor."""
    found: dict[str, OfTensor] = {}
    if "peak" in contract.front_end:
        found["samples whose peak is not brought to the contract's"] = lambda t, x: t * _factor(t, x)
        found["int16 levels whose peak is not brought to the contract's"] = lambda t, x: (
            t * _factor(t, x) * 32768
        )
    if any(len(spec.shape) == 4 and min(spec.shape[2:]) > 1 for spec in contract.inputs):
        found["its tensor with time and frequency exchanged"] = lambda t, x: t.swapaxes(2, 3).reshape(t.shape)
    return found


def _levels(samples: Array) -> Array:
    levels: Array = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
    return levels


def _factor(tensor: Array, samples: Array) -> np.float32:
    loudest, wanted = float(np.abs(samples).max()), float(np.abs(tensor).max())
    return np.float32(loudest / wanted if wanted else 1.0)


def _samples(case: Case, contract: InputContract, clip: str) -> Array:
    path = case.held[clip].path
    assert path is not None
    return audio.require(audio.read_wav(path), contract.sample_rate_hz)

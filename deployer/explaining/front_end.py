"""The usual ways in which a program spoils its input, each tried on the board's bytes in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.errors import DeployError
from board_runner.models.base import Decision
from deployer.explaining.case import Case
from deployer.explaining.replay import Replay, apart, compared

HEADER_BYTES = 44
_WRONG = 3
_CLASSES = 2
"""Clips on which the board differs from the simulator, and classes that it names: fewer could be luck."""

Change = Callable[[Array], Array]


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
    for words, given in candidates(case, replayed, order):
        if all(_says(replayed, given, clip) == said[clip] for clip in order):
            shown = (f"{c}: board {said[c]}, as it should be {replayed.class_ids[c]}" for c in wrong[:3])
            alike = f"with this mistake the simulator says what the board says, on all {len(clips)} clips"
            return Mistake(words=words, evidence=(alike, *shown))
    return None


def candidates(
    case: Case, replayed: Replay, clips: list[str]
) -> Iterator[tuple[str, Mapping[str, Callable[[], Tensors]]]]:
    """Each mistake in words, with what makes the model's input of a clip by it."""
    contract = replayed.contract
    assert contract is not None
    for words, change in of_samples().items():
        yield words, {clip: _front_end(case, contract, clip, change) for clip in clips}
    for words, scale in of_tensors(contract).items():
        yield words, {clip: _scaled(case, replayed, contract, clip, scale) for clip in clips}


def _says(replayed: Replay, given: Mapping[str, Callable[[], Tensors]], clip: str) -> int | None:
    assert replayed.engine is not None and replayed.contract is not None
    try:
        decision = models.get(replayed.contract.model).decode([replayed.engine.run(given[clip]())])
    except DeployError:
        return None
    return decision.class_id if isinstance(decision, Decision) else None


def of_samples() -> dict[str, Change]:
    """Mistakes before the front end: samples -1..1 at the contract's rate -> what the program takes for them."""
    return {
        "samples whose bytes are swapped": lambda x: _levels(x).byteswap().astype(np.float32) / 32768,
        "the wav's header as samples": lambda x: np.concatenate([np.zeros(HEADER_BYTES // 2, np.float32), x]),
        "unsigned samples": lambda x: _levels(x).view(np.uint16).astype(np.float32) / 32768 - 1,
        "the low bytes of its samples": lambda x: _levels(x).view(np.int8).astype(np.float32) / 128,
        "every second sample (a mono wav read as stereo)": lambda x: x[::2],
        "every sample twice (a mono wav read as two channels)": lambda x: np.repeat(x, 2),
        "the first half of its samples": lambda x: x[: x.size // 2],
        "samples backwards": lambda x: x[::-1].copy(),
    }


def of_tensors(contract: InputContract) -> dict[str, Callable[[Array, Array], Array]]:
    """Mistakes of scale, padding and layout: (tensor as it should be, samples) -> the tensor."""
    found: dict[str, Callable[[Array, Array], Array]] = {
        "samples as int16 levels, not divided by 32768": lambda t, x: t * np.float32(32768),
        "samples divided by 32768 twice": lambda t, x: t / np.float32(32768),
        "its tensor with the sign turned": lambda t, x: -t,
    }
    if "peak" in contract.front_end:
        found = {
            "samples whose peak is not brought to the contract's": lambda t, x: t * _factor(t, x),
            "int16 levels whose peak is not brought to the contract's": lambda t, x: (
                t * _factor(t, x) * 32768
            ),
            **found,
        }
    if "samples" in contract.front_end:
        found["its samples padded in front in place of behind"] = _padded_in_front
        found["its samples repeated in place of padded"] = _repeated
    for spec in contract.inputs:
        if len(spec.shape) == 4 and min(spec.shape[2:]) > 1:
            found["its tensor with time and frequency exchanged"] = _exchanged
    return found


def _levels(samples: Array) -> Array:
    levels: Array = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
    return levels


def _factor(tensor: Array, samples: Array) -> np.float32:
    loudest, wanted = float(np.abs(samples).max()), float(np.abs(tensor).max())
    return np.float32(loudest / wanted if wanted else 1.0)


def _padded_in_front(tensor: Array, samples: Array) -> Array:
    flat = tensor.reshape(-1)
    return np.roll(flat, max(0, flat.size - samples.size)).reshape(tensor.shape)


def _repeated(tensor: Array, samples: Array) -> Array:
    flat = tensor.reshape(-1)
    return np.resize(flat[: min(samples.size, flat.size)], flat.shape).reshape(tensor.shape)


def _exchanged(tensor: Array, samples: Array) -> Array:
    return np.ascontiguousarray(tensor.swapaxes(2, 3)).reshape(tensor.shape)


def _front_end(case: Case, contract: InputContract, clip: str, change: Change) -> Callable[[], Tensors]:
    def made() -> Tensors:
        changed = np.ascontiguousarray(change(_samples(case, contract, clip)), np.float32)
        return next(iter(models.get(contract.model).chunks(changed, contract)))

    return made


def _scaled(
    case: Case,
    replayed: Replay,
    contract: InputContract,
    clip: str,
    change: Callable[[Array, Array], Array],
) -> Callable[[], Tensors]:
    def made() -> Tensors:
        tensor = replayed.answers[clip].tensor
        changed = change(tensor.astype(np.float32), _samples(case, contract, clip))
        return {contract.inputs[0].name: np.ascontiguousarray(changed, tensor.dtype)}

    return made


def _samples(case: Case, contract: InputContract, clip: str) -> Array:
    path = case.held[clip].path
    assert path is not None
    return audio.require(audio.read_wav(path), contract.sample_rate_hz)

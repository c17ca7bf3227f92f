"""Check 4: the board's scores are levels times scale, once, with the right zero point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from board_runner import dla_simulator
from board_runner.contract import Array
from deployer.explaining import kept_scores
from deployer.explaining.finding import Check, Finding
from deployer.explaining.replay import Replay
from deployer.explaining.scores import Scores

CHECK = Check(name="dequantisation")
_TELLING = 20.0
"""A mistake is told from the truth where its values span so many times what a print rounds off."""

_FLOAT32 = 2.0**-22


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output over all clips: the board's values, and the simulator's levels with their scale and zero point."""

    name: str
    board: Array
    levels: Array
    scale: float
    zero: int
    rounding: float

    @property
    def real(self) -> Array:
        """What the values are: (levels - zero) * scale."""
        return (self.levels - self.zero) * self.scale

    def is_(self, candidate: Array) -> bool:
        """Whether the board has these values, to within what its print rounds off, and could have had others."""
        if not np.isfinite(candidate).all():
            return False
        off = np.abs(self.board - candidate)
        within = off <= self.rounding * 1.001 + np.abs(candidate) * _FLOAT32
        return bool(within.all() and np.ptp(candidate) > _TELLING * self.rounding)


def check(replayed: Replay, scores: Scores) -> Finding:
    """Hold the board's scores against the simulator's levels under each known mistake."""
    if scores.why_not:
        return CHECK.cannot_tell(f"no scores of the board: {scores.why_not}", cure=_HOW)
    if replayed.why_not:
        return CHECK.cannot_tell(f"nothing to hold the board's scores against: {replayed.why_not}")
    outputs = list(_outputs(replayed, scores))
    if not outputs:
        return CHECK.cannot_tell("no clip has both whole scores of the board and a replay", cure=_HOW)
    for output in outputs:
        words = mistake(output)
        if words is not None:
            return CHECK.proven(
                f"output {output.name!r} on the board is the simulator's, {words}",
                evidence=[*_first(output), f"from {scores.source}, {_same_levels(replayed, scores)}"],
                cure="real = (level - zero point) * scale, once: drop one scaling where the SDK dequantises "
                "already, and take scale and zero point from the image (dla_show_img_info)",
            )
    if all(output.is_(output.real) for output in outputs):
        clips = len(set(scores.outputs) & set(replayed.answers))
        return CHECK.fine(
            f"the board's scores are levels times scale, on {clips} clips",
            evidence=[f"from {scores.source}, {_same_levels(replayed, scores)}"],
        )
    return CHECK.cannot_tell(
        "the board's scores are not the simulator's, by no mistake of scale or zero point",
        evidence=[*(line for output in outputs for line in _first(output)), *_unlike(scores, replayed)],
    )


def _unlike(scores: Scores, replayed: Replay) -> list[str]:
    words = kept_scores.unlike(scores, replayed)
    return [f"from {scores.source}: {words}"] if words else []


_HOW = (
    "put prog_dla_dla_simulator beside the board program (`deploy compare-sim offline board` does) or name it "
    "under `board_simulator:`; or give kept scores with --scores"
)


def mistake(output: Output) -> str | None:
    """What was done to the values, in words; None for nothing, or for something else."""
    if not np.isfinite(output.board).all():
        return "with values that are not finite (NaN or infinity)"
    if output.is_(output.real):
        return None
    for words, candidate in _candidates(output):
        if output.is_(candidate):
            return words
    return _affine(output)


def _candidates(output: Output) -> Iterator[tuple[str, Array]]:
    shifted = output.levels - output.zero
    yield "as bare levels, not multiplied by the scale", output.levels
    if output.zero:
        yield "as levels less their zero point, not multiplied by the scale", shifted
        yield "without the zero point taken off", output.levels * output.scale
        yield "with the zero point taken off twice", (shifted - output.zero) * output.scale
        yield "with the zero point added in place of taken off", (output.levels + output.zero) * output.scale
    yield "multiplied by the scale twice", shifted * output.scale**2
    yield "divided by the scale in place of multiplied", shifted / output.scale


def _affine(output: Output) -> str | None:
    """Another scale, or a zero point that is off: board = factor * real + offset, by least squares."""
    true = output.real
    if np.ptp(true) == 0:
        return None
    (factor, offset), *_ = np.linalg.lstsq(
        np.stack([true, np.ones_like(true)], axis=1), output.board, rcond=None
    )
    if abs(factor) < _FLOAT32 or not output.is_(factor * true + offset):
        return None
    levels = offset / output.scale
    tolerance = max(1e-4, 2 * output.rounding / output.scale)
    if abs(factor - 1) * np.ptp(true) <= 2 * output.rounding + _FLOAT32 * np.ptp(true):
        return f"with a zero point that is off by {-levels:.4g} levels" if abs(levels) > tolerance else None
    shift = f" and {levels:.4g} levels added" if abs(levels) > tolerance else ""
    return f"with another scale, {factor:.6g} times the image's{shift}"


def _outputs(replayed: Replay, scores: Scores) -> Iterator[Output]:
    """Every output, over the clips that have both."""
    clips = [clip for clip in scores.outputs if clip in replayed.answers]
    if replayed.contract is None or not clips:
        return
    for spec in replayed.contract.outputs:
        scale, zero = _scale(replayed, spec.name)
        given = [replayed.answers[clip] for clip in clips]
        levels = [one.levels if one.levels else one.outputs for one in given]
        yield Output(
            name=spec.name,
            board=np.concatenate([_flat(scores.outputs[clip][spec.name]) for clip in clips]),
            levels=np.concatenate([_flat(one[spec.name]) for one in levels]),
            scale=scale,
            zero=zero,
            rounding=scores.rounding + replayed.rounding,
        )


def _scale(replayed: Replay, output: str) -> tuple[float, int]:
    """Scale and zero point of an output; 1 and 0 for a simulator that shows values and no levels."""
    engine = replayed.engine
    if engine is None:
        return 1.0, 0
    value = dict(engine.program.outputs)[output]
    return float(engine.output_scales[output]), engine.program.values[value].zero


def _flat(value: Array) -> Array:
    return value.astype(np.float64).ravel()


def _first(output: Output) -> list[str]:
    """The largest score as an example."""
    at = int(np.argmax(np.abs(output.real)))
    return [
        f"{output.name}: the simulator's {output.real[at]:.6g} (level {output.levels[at]:.0f}, scale "
        f"{output.scale:.6g}, zero point {output.zero}) is {output.board[at]:.6g} on the board"
    ]


def _same_levels(replayed: Replay, scores: Scores) -> str:
    """Where the board states `All outputs XOR`: whether its raw levels are the simulator's."""
    stated = {clip: xor for clip, xor in scores.fingerprints.items() if clip in replayed.answers}
    if not stated or replayed.engine is None:
        return "whose levels have no fingerprint on both sides"
    same = sum(
        dla_simulator.fingerprint(replayed.answers[c].levels.values()) == xor for c, xor in stated.items()
    )
    return f"whose levels are the simulator's on {same} of {len(stated)} clips (All outputs XOR)"


def engine_differs(replayed: Replay, scores: Scores) -> list[str]:
    """The clips whose raw levels on the board are not the simulator's, from the same input tensor."""
    return [
        clip
        for clip, xor in scores.fingerprints.items()
        if clip in replayed.answers
        and dla_simulator.fingerprint(replayed.answers[clip].levels.values()) != xor
    ]

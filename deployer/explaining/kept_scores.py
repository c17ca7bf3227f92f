"""Scores that somebody has kept of the board: read, and refused where they are none of this model's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from board_runner.contract import Array, TensorSpec
from board_runner.errors import UsageError
from deployer.comparison import references
from deployer.explaining.replay import Replay
from deployer.explaining.scores import Scores

_ALIKE = 0.8
"""Correlation from which values are taken for the beginning of the model's own, whatever their scale."""


def load(path: Path, replayed: Replay, outputs: tuple[TensorSpec, ...]) -> Scores:
    """A dump, a print or `.npy`; a folder of them named after clips.

    Values that are the beginning of the model's, and then end, are what a truncated output leaves.
    Raises InputError for what cannot be read, UsageError for values that are no scores of this model.
    """
    scales = (
        {} if replayed.engine is None else {k: float(v) for k, v in replayed.engine.output_scales.items()}
    )
    wanted = references.Wanted(clips=list(replayed.answers), outputs=outputs, scales=scales)
    try:
        found = references.load(path, wanted)
    except UsageError as e:  # another shape than the model's
        cut_short = dict(_cut_short(path, replayed, wanted))
        if not cut_short:
            raise UsageError(f"{path}: no scores of this model: {e}", hint=_is(outputs)) from e
        return Scores(source=str(path), cut_short=cut_short)
    return Scores(outputs=found.outputs, source=str(path), rounding=found.rounding)


def unlike(scores: Scores, replayed: Replay) -> str:
    """What speaks against their being scores of these clips at all; empty for nothing."""
    clips = [clip for clip in scores.outputs if clip in replayed.answers]
    if not clips:
        return ""
    alike = [_correlation(scores.flat(clip), _flat(replayed, clip)) for clip in clips]
    worst = float(np.median(alike))
    return (
        f"they correlate with the simulator's by {worst:.2f}: are they of these clips?"
        if worst < _ALIKE
        else ""
    )


def _cut_short(path: Path, replayed: Replay, wanted: references.Wanted) -> Iterator[tuple[str, str]]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        clip = references.clip_of(file.name, wanted.clips)
        if clip is None and len(wanted.clips) == 1 and file is path:
            clip = wanted.clips[0]
        if clip is None:
            continue
        values = np.concatenate([one.values.astype(np.float64).ravel() for one in references.read(file)])
        truth = _flat(replayed, clip)
        if 2 < values.size < truth.size and _correlation(values, truth[: values.size]) >= _ALIKE:
            yield clip, f"{file.name} holds {values.size} values, the first of the model's {truth.size}"


def _is(outputs: tuple[TensorSpec, ...]) -> str:
    shapes = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in outputs)
    return f"a clip's scores are {shapes}: the board's dump or print of them, or np.save of the array"


def _flat(replayed: Replay, clip: str) -> Array:
    return np.concatenate([v.astype(np.float64).ravel() for v in replayed.answers[clip].outputs.values()])


def _correlation(a: Array, b: Array) -> float:
    """0 where one of them does not vary, or is not finite."""
    if a.size != b.size or a.size < 2 or not (np.isfinite(a).all() and np.ptp(a) > 0 and np.ptp(b) > 0):
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])

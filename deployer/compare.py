"""Stage against stage: metrics, verdict. Pure arrays in, records out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class StageOutputs:
    """What one stage gave: clip -> output tensor -> float array. `detail` says what computed it.

    A stage that shows no tensors, such as a vendor's board program, has `class_ids` (clip -> id) alone.
    """

    stage: str
    detail: str
    outputs: Mapping[str, Mapping[str, Array]]
    class_ids: Mapping[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class TensorDiff:
    """One candidate against its reference.

    `cosine` is sum(ab) / (|a| |b|); `rmse` the vendor's, sum|a - b| / sum|b|, b the reference;
    `sqnr_db` 10 log10(sum b^2 / sum (a - b)^2), infinite for equal tensors. None where a zero makes one undefined.
    """

    cosine: float | None
    rmse: float | None
    sqnr_db: float | None
    max_abs: float
    top1_agrees: bool


@dataclass(frozen=True, kw_only=True)
class ClipDiff:
    """One clip; `tensor` names the output."""

    clip: str
    tensor: str
    diff: TensorDiff


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A candidate against a reference, over all clips and outputs; the worst clip has the least cosine.

    `class_ids_only`: one side shows no tensors, so only the decisions were compared.
    """

    reference: str
    candidate: str
    clips: tuple[ClipDiff, ...]
    cosine_min: float | None
    rmse_max: float | None
    sqnr_db: float | None
    max_abs: float | None
    top1_agreement: float
    worst_clip: str
    class_ids_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What holds for the worst clip's cosine and RMSE, and for the share of equal decisions."""

    cosine_min: float = 0.99
    rmse_max: float = 0.1
    top1_min: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a comparison did not pass; empty when it did."""

    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every limit holds."""
        return not self.failures


def difference(candidate: Array, reference: Array) -> TensorDiff:
    """Compare two tensors of one shape in float64. Raises UsageError with both shapes when they differ."""
    if candidate.shape != reference.shape:
        raise UsageError(
            f"shapes differ: {list(candidate.shape)} against {list(reference.shape)}",
            hint="NHWC against NCHW, or padding: both stages must give the same layout",
        )
    a = candidate.astype(np.float64).ravel()
    b = reference.astype(np.float64).ravel()
    error = a - b
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return TensorDiff(
        cosine=_ratio(float(a @ b), norms) if not np.array_equal(a, b) else 1.0,
        rmse=_ratio(float(np.abs(error).sum()), float(np.abs(b).sum())),
        sqnr_db=_sqnr_db(float(b @ b), float(error @ error)),
        max_abs=float(np.abs(error).max(initial=0.0)),
        top1_agrees=bool(a.size == 0 or np.argmax(a) == np.argmax(b)),
    )


def compare(reference: StageOutputs, candidate: StageOutputs) -> Comparison:
    """Compare every clip. Raises UsageError for clips or tensors that one side lacks, and for other shapes."""
    if reference.class_ids is not None or candidate.class_ids is not None:
        return _of_decisions(reference, candidate)
    missing = sorted(set(reference.outputs) ^ set(candidate.outputs))
    if missing or not reference.outputs:
        what = f"clip {missing[0]} is in one of them only" if missing else "there is no clip"
        raise UsageError(f"{reference.stage} and {candidate.stage} cannot be compared: {what}")
    rows = tuple(
        ClipDiff(clip=clip, tensor=name, diff=_of_clip(reference, candidate, clip, name))
        for clip, tensors in reference.outputs.items()
        for name in tensors
    )
    worst = max(rows, key=lambda row: _badness(row.diff))
    signal, noise = _energies(reference, candidate)
    cosines = [row.diff.cosine for row in rows]
    ratios = [row.diff.rmse for row in rows]
    return Comparison(
        reference=reference.stage,
        candidate=candidate.stage,
        clips=rows,
        cosine_min=None if None in cosines else min(c for c in cosines if c is not None),
        rmse_max=None if None in ratios else max(r for r in ratios if r is not None),
        sqnr_db=_sqnr_db(signal, noise),
        max_abs=max((row.diff.max_abs for row in rows), key=lambda v: (math.isnan(v), v)),
        top1_agreement=sum(row.diff.top1_agrees for row in rows) / len(rows),
        worst_clip=worst.clip,
    )


def verdict(comparison: Comparison, limits: Limits) -> Verdict:
    """Hold a comparison against limits; an undefined figure or NaN never passes."""
    failures = []
    if not comparison.class_ids_only:
        failures += _tensor_failures(comparison, limits)
    if not comparison.top1_agreement >= limits.top1_min:
        failures.append(f"top-1 agreement {comparison.top1_agreement:.0%} below {limits.top1_min:.0%}")
    return Verdict(failures=tuple(failures))


def _tensor_failures(comparison: Comparison, limits: Limits) -> list[str]:
    failures = []
    if not _at_least(comparison.cosine_min, limits.cosine_min):
        failures.append(f"cosine {_shown(comparison.cosine_min)} below {limits.cosine_min:g}")
    if not _at_least(_negated(comparison.rmse_max), -limits.rmse_max):
        failures.append(f"RMSE {_shown(comparison.rmse_max)} above {limits.rmse_max:g}")
    return failures


def _of_decisions(reference: StageOutputs, candidate: StageOutputs) -> Comparison:
    wanted, given = _decisions(reference), _decisions(candidate)
    if set(wanted) != set(given) or not wanted:
        raise UsageError(f"{reference.stage} and {candidate.stage} cannot be compared: not the same clips")
    flips = [clip for clip in wanted if wanted[clip] != given[clip]]
    return Comparison(
        reference=reference.stage,
        candidate=candidate.stage,
        clips=(),
        cosine_min=None,
        rmse_max=None,
        sqnr_db=None,
        max_abs=None,
        top1_agreement=1.0 - len(flips) / len(wanted),
        worst_clip=flips[0] if flips else next(iter(wanted)),
        class_ids_only=True,
    )


def _decisions(stage: StageOutputs) -> Mapping[str, int]:
    if stage.class_ids is not None:
        return stage.class_ids
    return {clip: int(np.argmax(next(iter(tensors.values())))) for clip, tensors in stage.outputs.items()}


def _of_clip(reference: StageOutputs, candidate: StageOutputs, clip: str, name: str) -> TensorDiff:
    try:
        return difference(candidate.outputs[clip][name], reference.outputs[clip][name])
    except KeyError as e:
        raise UsageError(f"{candidate.stage} gave no output {name!r} for {clip}") from e
    except UsageError as e:
        pair = f"{clip}, output {name!r}, {candidate.stage} against {reference.stage}"
        raise UsageError(f"{pair}: {e}", hint=e.hint) from e


def _energies(reference: StageOutputs, candidate: StageOutputs) -> tuple[float, float]:
    signal = noise = 0.0
    for clip, tensors in reference.outputs.items():
        for name, b in tensors.items():
            exact = b.astype(np.float64)
            signal += float(np.square(exact).sum())
            noise += float(np.square(candidate.outputs[clip][name].astype(np.float64) - exact).sum())
    return signal, noise


def _sqnr_db(signal: float, noise: float) -> float | None:
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(signal / noise) if signal > 0.0 and math.isfinite(noise) else None


def _ratio(value: float, by: float) -> float | None:
    if by == 0.0:
        return 0.0 if value == 0.0 else None
    return value / by if math.isfinite(value) and math.isfinite(by) else None


def _badness(diff: TensorDiff) -> tuple[float, float]:
    if diff.cosine is None or math.isnan(diff.max_abs):
        return (math.inf, math.inf)
    return (-diff.cosine, diff.max_abs)


def _at_least(value: float | None, limit: float) -> bool:
    return value is not None and value >= limit


def _negated(value: float | None) -> float | None:
    return None if value is None else -value


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6f}"

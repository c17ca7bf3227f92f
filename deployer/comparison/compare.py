"""Stage against stage: metrics, verdict. Pure arrays in, records out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from board_runner.contract import Array
from board_runner.errors import UsageError
from deployer.comparison import layouts
from deployer.comparison.decisions import Decided, Flip, decided, flips
from deployer.comparison.distribution import ErrorHistogram, Spread, quantiles


@dataclass(frozen=True, kw_only=True)
class StageOutputs:
    """What one stage gave: clip -> output tensor -> float array, in memory or read as it is asked for.

    `detail` says what computed it.

    A stage that shows no tensors, such as a vendor's board program, has `class_ids` (clip -> id) alone.
    `fingerprints` are a board's `All outputs XOR` (clip -> 32 bits), where it printed them.
    """

    stage: str
    detail: str
    outputs: Mapping[str, Mapping[str, Array]]
    class_ids: Mapping[str, int] | None = None
    fingerprints: Mapping[str, int] | None = None


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
class Limits:
    """What holds for the worst clip's cosine and RMSE, and for the share of equal decisions."""

    cosine_min: float = 0.99
    rmse_max: float = 0.1
    top1_min: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A candidate against a reference, over all clips and outputs; the worst clip has the least cosine.

    `class_ids_only`: one side shows no tensors, so only the decisions were compared. `flips` are the clips decided
    otherwise, `spread` how abs(error) is spread over all elements, `quantiles` how each figure is over the clips,
    `passing` the limits that would just hold, None where no limit would, `notes` what was done to the candidate's
    tensors before, by how many clips it was done to.
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
    flips: tuple[Flip, ...] = ()
    spread: Spread | None = None
    quantiles: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    passing: Limits | None = None
    notes: Mapping[str, int] = field(default_factory=dict)

    def worst(self, count: int) -> list[ClipDiff]:
        """The worst clips first."""
        return sorted(self.clips, key=lambda row: _badness(row.diff), reverse=True)[:count]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a comparison did not pass; empty when it did."""

    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every limit holds."""
        return not self.failures


@np.errstate(invalid="ignore", over="ignore")  # NaN and infinity are answers here, and never pass
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


def compare(
    reference: StageOutputs, candidate: StageOutputs, *, targets: Mapping[str, int] | None = None
) -> Comparison:
    """Compare every clip, one at a time. Raises UsageError for clips or tensors that one side lacks, and shapes."""
    if reference.class_ids is not None or candidate.class_ids is not None:
        return _of_decisions(reference, candidate, targets or {})
    missing = sorted(set(reference.outputs) ^ set(candidate.outputs))
    if missing or not reference.outputs:
        what = f"clip {missing[0]} is in one of them only" if missing else "there is no clip"
        raise UsageError(
            f"{reference.stage} and {candidate.stage} cannot be compared: {what}",
            hint="--common compares the clips that both have",
        )
    sums = _Sums()
    for clip in reference.outputs:
        sums.add(reference, candidate, clip)
    return sums.comparison(reference.stage, candidate.stage, targets or {})


class _Sums:
    """What grows while the clips pass: a row each, and sums over all elements in float64, in the order of clips."""

    def __init__(self) -> None:
        self.rows: list[ClipDiff] = []
        self.signal = self.noise = 0.0
        self.histogram = ErrorHistogram()
        self.notes: Counter[str] = Counter()
        self.decided: tuple[dict[str, Decided], dict[str, Decided]] = ({}, {})

    def add(self, reference: StageOutputs, candidate: StageOutputs, clip: str) -> None:
        """One clip, all its outputs."""
        wanted, given = reference.outputs[clip], candidate.outputs[clip]
        for number, (name, b) in enumerate(wanted.items()):
            pair = f"{clip}, output {name!r}, {candidate.stage} against {reference.stage}"
            if name not in given:
                raise UsageError(f"{candidate.stage} gave no output {name!r} for {clip}")
            a = self._fitted(given[name], b, pair)
            exact = b.astype(np.float64)
            with np.errstate(invalid="ignore", over="ignore"):
                error = a.astype(np.float64) - exact
                self.signal += float(np.square(exact).sum())
                self.noise += float(np.square(error).sum())
            self.histogram.add(error)
            self.rows.append(ClipDiff(clip=clip, tensor=name, diff=difference(a, b)))
            if number == 0:
                self.decided[0][clip], self.decided[1][clip] = decided(b), decided(a)

    def _fitted(self, a: Array, b: Array, pair: str) -> Array:
        if a.shape == b.shape and a.dtype.kind == b.dtype.kind:
            return a
        try:
            fitted = layouts.aligned(a, b)
        except UsageError as e:
            raise UsageError(f"{pair}: {e}", hint=e.hint) from e
        self.notes[fitted.note] += 1
        return fitted.tensor

    def comparison(self, reference: str, candidate: str, targets: Mapping[str, int]) -> Comparison:
        """The record of it all."""
        diffs = [row.diff for row in self.rows]
        cosine_min = _extreme([d.cosine for d in diffs], min)
        rmse_max = _extreme([d.rmse for d in diffs], max)
        top1 = sum(d.top1_agrees for d in diffs) / len(diffs)
        return Comparison(
            reference=reference,
            candidate=candidate,
            clips=tuple(self.rows),
            cosine_min=cosine_min,
            rmse_max=rmse_max,
            sqnr_db=_sqnr_db(self.signal, self.noise),
            max_abs=max((d.max_abs for d in diffs), key=lambda v: (math.isnan(v), v)),
            top1_agreement=top1,
            worst_clip=max(self.rows, key=lambda row: _badness(row.diff)).clip,
            flips=flips(*self.decided, targets),
            spread=self.histogram.spread(),
            quantiles=_quantiles(diffs),
            passing=_passing(cosine_min, rmse_max, top1),
            notes=dict(self.notes),
        )


def _extreme(values: Sequence[float | None], which: Callable[[Sequence[float]], float]) -> float | None:
    """None where one is undefined."""
    known = [value for value in values if value is not None]
    return which(known) if len(known) == len(values) else None


def _quantiles(diffs: Sequence[TensorDiff]) -> dict[str, dict[str, float]]:
    figures = ("cosine", "rmse", "sqnr_db", "max_abs")
    columns = {name: [getattr(diff, name) for diff in diffs] for name in figures}
    return {
        name: quantiles([v for v in column if v is not None and math.isfinite(v)])
        for name, column in columns.items()
    }


def _passing(cosine: float | None, rmse: float | None, top1: float) -> Limits | None:
    """Rounded to four places, to the side that still passes."""
    if cosine is None or rmse is None or not math.isfinite(cosine + rmse):
        return None
    return Limits(
        cosine_min=math.floor(cosine * 1e4) / 1e4,
        rmse_max=math.ceil(rmse * 1e4) / 1e4,
        top1_min=math.floor(top1 * 1e4) / 1e4,
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


def _of_decisions(reference: StageOutputs, candidate: StageOutputs, targets: Mapping[str, int]) -> Comparison:
    wanted, given = decisions(reference), decisions(candidate)
    if set(wanted) != set(given) or not wanted:
        raise UsageError(
            f"{reference.stage} and {candidate.stage} cannot be compared: not the same clips",
            hint="--common compares the clips that both have",
        )
    turned = flips(wanted, given, targets)
    return Comparison(
        reference=reference.stage,
        candidate=candidate.stage,
        clips=(),
        cosine_min=None,
        rmse_max=None,
        sqnr_db=None,
        max_abs=None,
        top1_agreement=1.0 - len(turned) / len(wanted),
        worst_clip=turned[0].clip if turned else next(iter(wanted)),
        class_ids_only=True,
        flips=turned,
    )


def decisions(stage: StageOutputs) -> dict[str, Decided]:
    """What a stage decides, clip by clip: by its first output, or by its class ids alone."""
    if stage.class_ids is not None:
        return {clip: Decided(class_id=class_id) for clip, class_id in stage.class_ids.items()}
    return {clip: decided(next(iter(stage.outputs[clip].values()))) for clip in stage.outputs}


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

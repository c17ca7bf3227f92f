"""What a comparison layer by layer found: rows, marks, and the first jump."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from deployer.layers.measure import Errors

COSINE_MIN, RMSE_MAX, RMSE_LARGE = 0.99, 0.1, 0.5
"""The vendor's: below the one or above the other a layer is suspicious; above the last the error is large."""

OSCILLATING_COSINE, OSCILLATING_RMSE = (0.98, 0.99), (0.01, 0.1)
"""The vendor's zone between good and bad, where it advises another calibrator."""

JUMP_FACTOR, JUMP_FLOOR = 10.0, 1e-4
"""A jump is ten times the noise of what a layer reads, which counts as at least 40 dB below the signal."""

Order = Literal["accumulated", "single", "execution"]


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer; `index` is its place in the candidate's execution, `worst_clip` the one of least SQNR.

    `accumulated` is the candidate's own chain, `single` the layer alone, fed with the reference's tensors.
    """

    index: int
    name: str
    op: str
    shape: tuple[int, ...]
    sources: tuple[str, ...]
    accumulated: Errors
    single: Errors | None
    worst_clip: str

    @property
    def suspicious(self) -> bool:
        """The vendor's rule on the accumulated error; an undefined figure is suspicious."""
        cosine, rmse = self.accumulated.cosine, self.accumulated.rmse
        return cosine is None or rmse is None or cosine < COSINE_MIN or rmse > RMSE_MAX

    @property
    def oscillating(self) -> bool:
        """Between the vendor's good and bad."""
        cosine, rmse = self.accumulated.cosine, self.accumulated.rmse
        if cosine is None or rmse is None or cosine < OSCILLATING_COSINE[0] or rmse > OSCILLATING_RMSE[1]:
            return False
        return cosine < OSCILLATING_COSINE[1] or rmse >= OSCILLATING_RMSE[0]

    @property
    def marks(self) -> tuple[str, ...]:
        """`large`, `suspicious`, `oscillating`, in this order, as they apply."""
        rmse = self.accumulated.rmse
        large = rmse is not None and rmse > RMSE_LARGE
        found = (("large", large), ("suspicious", self.suspicious), ("oscillating", self.oscillating))
        return tuple(name for name, holds in found if holds)


@dataclass(frozen=True, kw_only=True)
class Jump:
    """The first layer where noise grows; `factor` times what it reads, in noise power.

    `kind` says by which error: the layer's own (`single`), or the chain's (`accumulated`).
    """

    index: int
    name: str
    op: str
    kind: Literal["single", "accumulated"]
    factor: float


@dataclass(frozen=True, kw_only=True)
class Unmatched:
    """A tensor that cannot be compared, and why."""

    name: str
    op: str
    why: str


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """Rows in the order of execution. `no_single` says why there are no single errors, if there are none."""

    reference: str
    candidate: str
    reference_detail: str
    candidate_detail: str
    clips: tuple[str, ...]
    rows: tuple[LayerRow, ...]
    only_reference: tuple[Unmatched, ...] = ()
    only_candidate: tuple[Unmatched, ...] = ()
    shapes_differ: tuple[Unmatched, ...] = ()
    no_single: str = ""
    jump: Jump | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "jump", first_jump(self.rows))

    @property
    def suspicious(self) -> tuple[LayerRow, ...]:
        """The rows that the vendor's rule marks, in the order of execution."""
        return tuple(row for row in self.rows if row.suspicious)

    def ordered(self, by: Order) -> list[LayerRow]:
        """Worst first by one of the errors, or as executed."""
        if by == "execution":
            return list(self.rows)
        return sorted(self.rows, key=lambda row: -_noise(row.single if by == "single" else row.accumulated))


def first_jump(rows: Sequence[LayerRow]) -> Jump | None:
    """The first layer whose noise is more than JUMP_FACTOR times that of what it reads.

    The noise is the noise power over the signal power. A layer alone reads the reference, so its own error is
    held against JUMP_FLOOR; the chain's against the worst of its sources, and at least JUMP_FLOOR.
    """
    noise = {row.name: row.accumulated.noise_ratio for row in rows}
    for row in rows:
        read = max((noise.get(source, 0.0) for source in row.sources if source != row.name), default=0.0)
        found: list[tuple[Literal["single", "accumulated"], float]] = []
        if row.single is not None:
            found.append(("single", row.single.noise_ratio / JUMP_FLOOR))
        if not math.isinf(read):
            found.append(("accumulated", row.accumulated.noise_ratio / max(read, JUMP_FLOOR)))
        for kind, factor in found:
            if factor > JUMP_FACTOR:
                return Jump(index=row.index, name=row.name, op=row.op, kind=kind, factor=factor)
    return None


def _noise(errors: Errors | None) -> float:
    """What sorts: a layer without this error comes last."""
    return -1.0 if errors is None else errors.noise_ratio

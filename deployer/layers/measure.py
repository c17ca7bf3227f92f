"""What one layer's tensors differ by, summed over clips in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array

_CHUNK = 1 << 18
"""Values taken to float64 at a time, so that a large tensor costs no second copy."""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """A candidate a against its reference b; every clip's values count alike.

    `cosine` is sum(ab) / (|a| |b|); `rmse` the vendor's, sum|a - b| / sum|b|; `mse` the mean of (a - b)^2;
    `sqnr_db` 10 log10(sum b^2 / sum (a - b)^2), infinite for equal tensors. None where a zero, or what is no
    number, makes one undefined, and where a vendor's text does not state it.
    """

    cosine: float | None
    rmse: float | None
    mse: float | None
    sqnr_db: float | None

    @property
    def noise_ratio(self) -> float:
        """sum (a - b)^2 / sum b^2; infinite where that is undefined.

        A vendor's text has no SQNR: there it is 2 (1 - cosine), which is the same for tensors of equal norm.
        """
        if self.sqnr_db is not None:
            return math.pow(10.0, -self.sqnr_db / 10.0)
        return math.inf if self.cosine is None else max(2.0 * (1.0 - self.cosine), 0.0)


class Sums:
    """Running sums of one layer."""

    def __init__(self) -> None:
        self._count = 0
        self._product = self._candidate = self._reference = 0.0
        self._noise = self._off = self._size = 0.0

    def add(self, candidate: Array, reference: Array) -> None:
        """One clip's tensors, of one size."""
        a_flat, b_flat = candidate.reshape(-1), reference.reshape(-1)
        self._count += a_flat.size
        for start in range(0, a_flat.size, _CHUNK):
            a = a_flat[start : start + _CHUNK].astype(np.float64)
            b = b_flat[start : start + _CHUNK].astype(np.float64)
            error = a - b
            self._product += float(a @ b)
            self._candidate += float(a @ a)
            self._reference += float(b @ b)
            self._noise += float(error @ error)
            self._off += float(np.abs(error).sum())
            self._size += float(np.abs(b).sum())

    def merge(self, other: Sums) -> None:
        """Add what another clip summed up."""
        for key, value in vars(other).items():
            setattr(self, key, getattr(self, key) + value)

    def errors(self) -> Errors:
        """The figures so far."""
        norms = math.sqrt(self._candidate) * math.sqrt(self._reference)
        return Errors(
            cosine=1.0 if self._noise == 0.0 else _ratio(self._product, norms),
            rmse=0.0 if self._off == 0.0 else _ratio(self._off, self._size),
            mse=_ratio(self._noise, self._count),
            sqnr_db=self._sqnr_db(),
        )

    def _sqnr_db(self) -> float | None:
        if self._noise == 0.0:
            return math.inf
        ratio = _ratio(self._reference, self._noise)
        return 10.0 * math.log10(ratio) if ratio else None


def _ratio(value: float, by: float) -> float | None:
    return value / by if by != 0.0 and math.isfinite(value) and math.isfinite(by) else None

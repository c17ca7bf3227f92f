"""Two batches mixed into one, in PyTorch: of each clip `share` is its own, the rest is its partner's.

Each function takes batches of one shape and gives the mixed batch. `freqmix` and `phmix` are for waveforms alone,
(N, 1, n).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def mixup(x: Tensor, other: Tensor, share: float) -> Tensor:
    """share x + (1 - share) other (arXiv 1710.09412)."""
    return share * x + (1 - share) * other


def timemix(x: Tensor, other: Tensor, start: int, stop: int, axis: int = -1) -> Tensor:
    """Of the time axis, `start` to `stop` is the partner's (CutMix, arXiv 1905.04899, in one dimension)."""
    mixed = x.clone()
    mixed.narrow(axis, start, stop - start).copy_(other.narrow(axis, start, stop - start))
    return mixed


def freqmix(x: Tensor, other: Tensor, start: int, stop: int) -> Tensor:
    """Of the spectrum of the whole clip, lines `start` to `stop` are the partner's."""
    mixed, partner = torch.fft.rfft(x.float()), torch.fft.rfft(other.float())
    mixed[..., start:stop] = partner[..., start:stop]
    return torch.fft.irfft(mixed, x.shape[-1])


def phmix(x: Tensor, other: Tensor, share: float) -> Tensor:
    """The clip's magnitudes, and phases that lie between both: p + (1 - share) d, d from -pi to pi."""
    own, partner = torch.fft.rfft(x.float()), torch.fft.rfft(other.float())
    apart = torch.angle(partner * own.conj())
    return torch.fft.irfft(torch.polar(own.abs(), own.angle() + (1 - share) * apart), x.shape[-1])


def mixed(
    x: Tensor,
    targets: Tensor,
    classes: int,
    names: Sequence[str],
    rng: np.random.Generator,
    *,
    time_axis: int,
) -> tuple[Tensor, Tensor]:
    """A batch (N, ...) with its class ids (N,) -> one mixed with itself in another order, and shares (N, classes).

    One of the named kinds, each as likely; the share is drawn evenly from 0 to 1, and one for the batch.
    """
    kind = names[int(rng.integers(len(names)))]
    order = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    other, share = x[order], float(rng.random())
    if kind == "mixup":
        y = mixup(x, other, share)
    elif kind == "phmix":
        y = phmix(x, other, share)
    else:
        length = x.shape[time_axis] if kind == "timemix" else x.shape[-1] // 2 + 1
        taken = round((1 - share) * length)
        start = int(rng.integers(length - taken + 1))
        share = 1 - taken / length
        if kind == "timemix":
            y = timemix(x, other, start, start + taken, time_axis)
        else:
            y = freqmix(x, other, start, start + taken)
    own = functional.one_hot(targets, classes).float()
    return y, share * own + (1 - share) * own[order]

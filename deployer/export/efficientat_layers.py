"""What the layers of MN and DyMN share."""

from __future__ import annotations

from torch import nn

EPSILON = 1e-3
MOMENTUM = 0.01


def normalisation(channels: int) -> nn.BatchNorm2d:
    """The batch normalisation of both networks."""
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


def activation(*, hard: bool) -> nn.Module:
    """Hard swish or ReLU."""
    return nn.Hardswish() if hard else nn.ReLU()

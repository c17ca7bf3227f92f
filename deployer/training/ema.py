"""Averaged weights: what is evaluated and kept."""

from __future__ import annotations

import copy

import torch
from torch import nn

from deployer.training import schedule


class Averaged:
    """A copy of a network that follows it: w <- d w + (1 - d) w_network after every step.

    Statistics of batch normalisations are averaged likewise; counters are copied. `decay` d is as in
    `schedule.ema_decay`; with 0 the copy is the network itself.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.decay = decay

    def follow(self, network: nn.Module, step: int) -> None:
        """Take the weights of `network` after `step` (0, 1, ...) into the average."""
        decay = schedule.ema_decay(step, self.decay)
        latest = network.state_dict()
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(latest[name].to(value.dtype), 1 - decay)
                else:
                    value.copy_(latest[name])

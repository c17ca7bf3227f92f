"""One network in training: its steps, its average, and all that has to be kept to go on bit by bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deployer.export import efficientat_source
from deployer.training import chance, losses, mixing, schedule
from deployer.training.batches import Batch
from deployer.training.chance import For
from deployer.training.ema import Averaged
from deployer.training.losses import Loss
from deployer.training.recipes import Recipe
from deployer.training.settings import TrainSettings

BETAS = (0.9, 0.99)


class Trainer:
    """AdamW under the one-cycle policy; half precision on a GPU where `amp` asks for it."""

    def __init__(
        self,
        network: nn.Module,
        settings: TrainSettings,
        recipe: Recipe,
        *,
        loss: Loss,
        classes: int,
        steps: int,
        device: torch.device,
    ) -> None:
        self.network = network.to(device)
        self.settings, self.recipe, self.loss = settings, recipe, loss
        self.classes, self.steps, self.device = classes, steps, device
        self.average = Averaged(self.network, settings.ema)
        self.optimizer = torch.optim.AdamW(
            _groups(self.network, settings.wd), lr=settings.max_lr, betas=BETAS
        )
        self.norms = _norms(self.network) if settings.load_path is None else []
        self.half = settings.amp and device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.half)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    @property
    def rate(self) -> float:
        """The learning rate of the latest step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def begin(self, epoch: int) -> float:
        """Make ready for an epoch (0, 1, ...); gives the temperature of its dynamic convolutions."""
        self.network.train()
        if not self.recipe.anneals or self.settings.load_path is not None:
            return 1.0
        heat = schedule.temperature(epoch, self.settings.n_epochs)
        for network in (self.network, self.average.network):
            efficientat_source.set_temperature(network, heat)
        return heat

    def step(self, batch: Batch, epoch: int, step: int) -> None:
        """Learn from one batch: step 0, 1, ... of an epoch 0, 1, ..."""
        number = epoch * self.steps + step
        rate = schedule.one_cycle(number, self.settings.n_epochs * self.steps, self.settings.max_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for layer, momentum in self.norms:
            layer.momentum = schedule.momentum(number, momentum)
        torch.manual_seed(chance.torch_seed(self.settings.seed, For.NETWORK, epoch, step))
        inputs, targets = (torch.from_numpy(part).to(self.device, non_blocking=True) for part in batch)
        loss = self._loss(inputs, targets, epoch, step)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.follow(self.network, number)
        self.loss_sum += loss.detach()

    def _loss(self, inputs: Tensor, targets: Tensor, epoch: int, step: int) -> Tensor:
        told = self.settings
        rng = chance.generator(told.seed, For.MIX, epoch, step)
        mixes = epoch >= told.epoch_mix and bool(told.augs_mix) and rng.random() < told.mix_ratio
        shares = targets
        if mixes:
            axis = self.recipe.time_axis
            inputs, shares = mixing.mixed(inputs, targets, self.classes, told.augs_mix, rng, time_axis=axis)
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.half):
            output = self.network(inputs)
        if mixes:
            return losses.of_mixed(losses.logits_of(output).float(), shares, told.mix_loss)
        return self.loss(output, targets)

    def state(self) -> dict[str, Any]:
        """All that has to be kept, as it is now."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "loss_sum": self.loss_sum,
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Go back to what `state` gave."""
        self.network.load_state_dict(kept["network"])
        self.average.network.load_state_dict(kept["average"])
        self.optimizer.load_state_dict(kept["optimizer"])
        if kept["scaler"] and self.half:  # empty where it was begun on a CPU
            self.scaler.load_state_dict(kept["scaler"])
        self.loss_sum = kept["loss_sum"].to(self.device)


def _norms(network: nn.Module) -> list[tuple[Any, float]]:
    """Each batch normalisation with the momentum of its definition."""
    kinds = nn.BatchNorm1d | nn.BatchNorm2d
    return [(layer, layer.momentum) for layer in network.modules() if isinstance(layer, kinds)]


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and the scales of normalisations do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]

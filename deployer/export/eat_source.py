"""EAT's checkpoint folder as the exporter takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployer.export import checkpoint, conversion
from deployer.export.eat import Eat
from deployer.export.sources import Source


def load(folder: Path) -> Source:
    """The network and its contract; raises as `checkpoint.load`."""
    read = checkpoint.load(folder)
    return Source(folder=folder, network=read.network, contract=conversion.contract_of(read))


def fresh(settings: dict[Any, Any], folder: Path) -> Source:
    """An untrained network of these settings, `n_classes` among them; raises ModelError."""
    place = str(folder)
    network = Eat(checkpoint.shape_of(settings, {}, place))
    made = checkpoint.Checkpoint(
        folder=folder, network=network, sample_rate_hz=checkpoint.rate_of(settings, place)
    )
    return Source(folder=folder, network=network, contract=conversion.contract_of(made))

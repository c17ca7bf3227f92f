"""EAT's checkpoint folder as the exporter takes it."""

from __future__ import annotations

from pathlib import Path

from deployer.export import checkpoint, conversion
from deployer.export.sources import Source


def load(folder: Path) -> Source:
    """The network and its contract; raises as `checkpoint.load`."""
    read = checkpoint.load(folder)
    return Source(folder=folder, network=read.network, contract=conversion.contract_of(read))

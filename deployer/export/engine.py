"""The trained network itself as a stage, in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from board_runner.contract import Array, InputContract, Tensors
from deployer.export.requirements import require_tools


@dataclass(frozen=True, kw_only=True)
class TorchMaker:
    """Loads the engine in whatever process."""

    folder: Path
    contract: InputContract

    def __call__(self) -> TorchEngine:
        return TorchEngine(self.folder, self.contract)


class TorchEngine:
    """An `Engine` over a checkpoint. Raises UsageError without PyTorch, ModelError for an unusable checkpoint."""

    def __init__(self, folder: Path, contract: InputContract) -> None:
        require_tools()
        from deployer.export import sources

        self.inputs, self.outputs = contract.inputs, contract.outputs
        self._network = sources.load(contract.model, folder).reference.eval()

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Every output. Raises ModelError for inputs not the model's."""
        import torch

        spec = self.inputs[0]
        spec.check(inputs[spec.name])
        with torch.inference_mode():
            made = self._network(torch.from_numpy(inputs[spec.name]))
        values = made if isinstance(made, tuple) else (made,)
        return {out.name: value.numpy() for out, value in zip(self.outputs, values, strict=True)}


def load(model: str, folder: Path) -> tuple[TorchEngine, InputContract]:
    """The engine of a checkpoint folder, and what it expects; raises as `TorchEngine`."""
    require_tools()
    from deployer.export import sources

    contract = sources.load(model, folder).contract
    return TorchEngine(folder, contract), contract

"""Weights under the names that a model's publishers gave them, brought to ours by a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from board_runner.errors import ModelError
from deployer import resources
from deployer.settings import yaml_source


@dataclass(frozen=True, kw_only=True)
class Names:
    """One mapping file: modules by their published names, and what else differs.

    `reshape` and `drop` end the names of tensors that are stored in another shape, and of those we have not.
    `tried` says on which published weights the file was tried.
    """

    tried: str
    modules: Mapping[str, str]
    reshape: tuple[str, ...]
    drop: tuple[str, ...]

    def renamed(
        self, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path
    ) -> dict[str, Tensor]:
        """`state` under the names of `wanted`, in its shapes where the file allows to reshape.

        Raises ModelError for a tensor of a module that the file does not name. What lacks or has a wrong shape
        is for the strict loading to say.
        """
        ours: dict[str, Tensor] = {}
        unknown = []
        for name, value in state.items():
            module, _, kind = name.rpartition(".")
            if name.endswith(self.drop):
                continue
            if module not in self.modules:
                unknown.append(name)
                continue
            own = f"{self.modules[module]}.{kind}"
            asked = wanted.get(own)
            fits = asked is not None and asked.numel() == value.numel()
            ours[own] = value.reshape(asked.shape) if fits and name.endswith(self.reshape) else value  # type: ignore[union-attr]
        if unknown:
            raise ModelError(
                f"{path}: {len(unknown)} tensors the mapping does not name, {unknown[0]} the first",
                hint="weights of another network, or of another version of it",
            )
        return ours


def load(name: str) -> Names:
    """The packaged mapping file `name`; raises ConfigError for a damaged one."""
    data = yaml_source.read(resources.configs_dir() / "weights" / f"{name}.yaml").data
    return Names(
        tried=str(data["tried"]),
        modules={str(theirs): str(ours) for theirs, ours in data["modules"].items()},
        reshape=tuple(data["reshape"]),
        drop=tuple(data["drop"]),
    )

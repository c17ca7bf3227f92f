"""The network that a training begins with: fresh weights, or those of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from board_runner.errors import ModelError
from deployer.export import checkpoint, plain_yaml, sources
from deployer.export.sources import SETTINGS, Source, settings_text
from deployer.training import chance, recipes
from deployer.training.chance import For
from deployer.training.recipes import Recipe
from deployer.training.settings import TrainSettings


def sizes_of(model: str, folder: Path) -> dict[str, Any]:
    """The sizes of a checkpoint folder's network, under the names of `args.yml`; what it leaves out is not there.

    Raises as `sources.load`.
    """
    place = str(folder / SETTINGS)
    told = plain_yaml.load(settings_text(folder), place)
    found = {name: plain_yaml.lookup(told, name, place) for name in recipes.of(model).sizes}
    if model == "eat":  # older settings leave out what the weights tell
        shape = checkpoint.load(folder).network.shape
        found |= {name: getattr(shape, field) for field, name in checkpoint.FIELDS.items() if name in found}
    return {name: value for name, value in found.items() if value is not None}


def start(settings: TrainSettings, classes: int, folder: Path) -> tuple[Source, bool]:
    """The network in its sizes, and whether all of it comes from the checkpoint `load_path`.

    A checkpoint of other classes gives all but the layers that tell them apart, which are fresh. `folder` is named
    in errors. Raises as `sources.fresh` and `sources.load`, ModelError for a checkpoint of other sizes.
    """
    recipe = recipes.of(settings.model)
    torch.manual_seed(chance.torch_seed(settings.seed, For.WEIGHTS))
    told = dict(settings.sizes) | {"n_classes": classes}
    source = sources.fresh(settings.model, told, folder)
    if recipe.init_std is not None:
        _initialise(source.network, recipe.init_std)
    if settings.load_path is None:
        return source, False
    place = Path(settings.load_path)
    trained = sources.load(settings.model, place).reference
    return source, _take(source.network, trained.state_dict(), recipe, place)


def _take(network: nn.Module, state: Mapping[str, Tensor], recipe: Recipe, folder: Path) -> bool:
    """Put the weights of a checkpoint into the network; whether those of the classes fit too."""
    wanted = network.state_dict()
    unlike = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    foreign = [name for name in unlike if not name.startswith(recipe.head)]
    if foreign:
        raise ModelError(
            f"{folder}: {foreign[0]} does not fit this network",
            hint="leave its sizes out: the checkpoint tells them",
        )
    network.load_state_dict({**state, **{name: wanted[name] for name in unlike}}, strict=True)
    return not unlike


def _initialise(network: nn.Module, deviation: float) -> None:
    """Normal weights of one deviation for convolutions and linear layers, no biases."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, 0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

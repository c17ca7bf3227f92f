"""Keyword spotting's weights under the names and in the layouts of the TensorFlow recipes.

A filter is (height, width, in, out) there and planes are flattened channels last; `configs/weights/kws_*.yaml` has
the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from board_runner.contract import Array
from board_runner.errors import ModelError
from deployer import resources
from deployer.export.kws_sizes import KwsShape
from deployer.settings import yaml_source

PARTS = {
    "weights": "weight",
    "depthwise_weights": "weight",
    "biases": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Variable of a scope -> tensor of a module."""

NOT_WEIGHTS = ("global_step", "beta1_power", "beta2_power", "Adam", "Adam_1", "Momentum")
"""Last parts of names of what a trainer keeps beside the weights."""


def state_of(variables: Mapping[str, Array], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """The state dict of `network` (CNN or DS-CNN) from a recipe's variables by name.

    A normalisation without scale gets ones. Raises ModelError for a variable that the mapping does not name, or of
    the wrong size; what lacks is for the strict loading to say.
    """
    shape: KwsShape = network.shape
    wanted = network.state_dict()
    modules = _modules(shape)
    state, unknown = {}, []
    for name, value in variables.items():
        scope, _, part = name.rpartition("/")
        if part in NOT_WEIGHTS:
            continue
        own = modules.get(name) or (
            f"{modules[scope]}.{PARTS[part]}" if scope in modules and part in PARTS else ""
        )
        if own not in wanted:
            unknown.append(name)
            continue
        state[own] = torch.from_numpy(_arranged(name, own, value, wanted[own], path))
    if unknown:
        raise ModelError(
            f"{path}: {len(unknown)} variables the mapping does not name, {unknown[0]} the first",
            hint="weights of another network, or of another version of it",
        )
    if "linear.weight" in state:
        state["linear.weight"] = channels_first(state["linear.weight"], shape.filters[-1].channels)
    for own, value in wanted.items():
        if own.endswith("num_batches_tracked"):
            state[own] = torch.zeros_like(value)
        elif own.endswith("norm.weight"):
            state.setdefault(own, torch.ones_like(value))
    return state


def _modules(shape: KwsShape) -> dict[str, str]:
    """Their variable or scope -> our tensor or module."""
    name = "kws_ds_cnn" if shape.separable else "kws_cnn"
    listed = yaml_source.read(resources.configs_dir() / "weights" / f"{name}.yaml").data["variables"]
    return {
        str(theirs).format(n=n): str(ours).format(depth=2 * n - 1, point=2 * n)
        for n in range(1, len(shape.filters))
        for theirs, ours in listed.items()
    }


def _arranged(name: str, own: str, value: Array, like: Tensor, path: Path) -> Array:
    """A variable in the layout of `like`."""
    moved = value
    if value.ndim == 4:
        moved = value.transpose((2, 3, 0, 1) if name.endswith("depthwise_weights") else (3, 2, 0, 1))
    elif value.ndim == 2:
        moved = value.T
    if moved.shape != tuple(like.shape):
        raise ModelError(f"{path}: {name} is {list(value.shape)}, wants {list(like.shape)} as {own}")
    return np.ascontiguousarray(moved, np.float32)


def channels_first(weight: Tensor, channels: int) -> Tensor:
    """Columns that read planes flattened channels last -> the same for channels first: (out, H W C) both."""
    rows = weight.shape[0]
    return weight.reshape(rows, -1, channels).transpose(1, 2).reshape(rows, -1).contiguous()

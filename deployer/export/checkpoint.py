"""A checkpoint folder of the EAT trainer: `args.yml` says the sizes, `chkpnt.pt` holds the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board_runner.errors import ModelError
from deployer.export import plain_yaml, weights
from deployer.export.eat import Eat, EatShape
from deployer.export.sources import SETTINGS, WEIGHTS, settings_text

NETWORK = "SoundNetRaw"
DEFAULT_RATE_HZ = 22050

FIELDS = {
    "nf": "nf",
    "width": "emb_dim",
    "layers": "n_layers",
    "heads": "n_head",
    "feed_forward": "dim_feedforward",
    "samples": "seq_len",
    "classes": "n_classes",
}
"""Field of EatShape -> the trainer's name for it."""

BY_WEIGHTS = {"feed_forward": "tf.transformer_enc.layers.0.linear1.bias", "classes": "tf.fc.bias"}
"""Sizes that older settings leave out, each the length of this tensor."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network, ready to evaluate, and the rate of the audio it was trained on."""

    folder: Path
    network: Eat
    sample_rate_hz: int

    @property
    def parameters(self) -> int:
        """How many values were trained; statistics and fixed filters not counted."""
        return sum(parameter.numel() for parameter in self.network.parameters())


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint folder; nothing that its files name is imported, built or called.

    Raises MissingArtifact without the folder or a file, ModelError for what does not fit.
    """
    place = folder / SETTINGS
    settings = plain_yaml.load(settings_text(folder), str(place))
    kind = plain_yaml.lookup(settings, "model_type", str(place))
    if kind not in (None, NETWORK):
        raise ModelError(f"{place}: model_type is {kind!r}; the exporter knows {NETWORK}")
    state = weights.read(folder / WEIGHTS)
    network = Eat(shape_of(settings, state, str(place)))
    weights.load_strictly(network, state, folder / WEIGHTS)
    return Checkpoint(folder=folder, network=network.eval(), sample_rate_hz=rate_of(settings, str(place)))


def rate_of(settings: dict[Any, Any], place: str) -> int:
    """The rate of the audio that the settings tell, in Hz; raises ModelError."""
    rate = plain_yaml.lookup(settings, "sampling_rate", place)
    return DEFAULT_RATE_HZ if rate is None else _whole(rate, "sampling_rate", place)


def shape_of(settings: dict[Any, Any], state: Mapping[str, Any], place: str) -> EatShape:
    """The sizes that settings tell, and `state` where they leave some out; raises ModelError."""
    sizes: dict[str, Any] = {}
    for field, key in FIELDS.items():
        value = plain_yaml.lookup(settings, key, place)
        if value is None and BY_WEIGHTS.get(field) in state:
            value = state[BY_WEIGHTS[field]].numel()
        if value is None:
            raise ModelError(f"{place}: no {key}", hint="the settings of another network, or cut short?")
        sizes[field] = _whole(value, key, place)
    factors = plain_yaml.lookup(settings, "ds_factors", place)
    if not isinstance(factors, list):
        raise ModelError(f"{place}: ds_factors is {factors!r}, wants a list of whole numbers")
    return EatShape(factors=tuple(_whole(factor, "ds_factors", place) for factor in factors), **sizes)


def _whole(value: Any, key: str, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 31:
        raise ModelError(f"{place}: {key} is {value!r}, wants a whole number above 0")
    return value

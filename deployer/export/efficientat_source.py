"""A checkpoint folder of EfficientAT: `args.yml` says which network, `chkpnt.pt` holds the weights.

Settings: `model_name` (mn10, dymn20_as), `front_end` (original or tensorflow), `samples`, `temperature` of the
dynamic convolutions. All but the first may be left out. The weights have our names or the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from board_runner.contract import InputContract
from board_runner.errors import ModelError
from board_runner.frontends.logmel import ORIGINAL, LogMel
from board_runner.models import efficientat as model
from deployer.export import plain_yaml, upstream_names, weights
from deployer.export.efficientat import Network, build
from deployer.export.efficientat_dynamic import MixedConv
from deployer.export.efficientat_sizes import EfficientAtShape, parse
from deployer.export.efficientat_static import static
from deployer.export.sources import SETTINGS, WEIGHTS, Source, settings_text

CLASSES_FROM, UPSTREAM_CLASSES_FROM = "head.score.bias", "classifier.5.bias"


def load(folder: Path) -> Source:
    """Read a checkpoint folder; nothing that its files name is imported, built or called.

    Raises MissingArtifact without the folder or a file, ModelError for what does not fit.
    """
    place = str(folder / SETTINGS)
    settings = plain_yaml.load(settings_text(folder), place)
    front_end = _front_end(settings, place)
    state = weights.read(folder / WEIGHTS)
    network = build(_shape(settings, place, _classes(state, folder / WEIGHTS)))
    load_weights(network, state, folder / WEIGHTS)
    set_temperature(network, _number(settings, "temperature", place, 1.0))
    network.eval()
    contract = contract_of(network.shape, front_end)
    if not network.shape.dynamic:
        return Source(folder=folder, network=network, contract=contract)
    return Source(folder=folder, network=static(network), contract=contract, trained=network)


def fresh(settings: dict[Any, Any], folder: Path) -> Source:
    """An untrained network of these settings and of `n_classes`, not rewritten; raises ModelError."""
    place = str(folder)
    network = build(_shape(settings, place, settings["n_classes"]))
    return Source(
        folder=folder, network=network, contract=contract_of(network.shape, _front_end(settings, place))
    )


def _shape(settings: dict[Any, Any], place: str, classes: int) -> EfficientAtShape:
    name = plain_yaml.lookup(settings, "model_name", place)
    if name is None:
        raise ModelError(f"{place}: no model_name", hint="mn10, dymn20 and the like")
    return parse(str(name), classes=classes)


def load_weights(network: Network, state: Mapping[str, Tensor], path: Path) -> None:
    """Put `state` into `network`, under our names or the published ones, strictly; raises ModelError."""
    if UPSTREAM_CLASSES_FROM in state:
        names = upstream_names.load("efficientat_dymn" if network.shape.dynamic else "efficientat_mn")
        state = names.renamed(state, network.state_dict(), path)
    weights.load_strictly(network, state, path)


def set_temperature(network: Network, temperature: float) -> None:
    """Divide what the shares of the dynamic convolutions are made of by `temperature`, 1 once trained."""
    for layer in network.modules():
        if isinstance(layer, MixedConv):
            layer.temperature = temperature


def contract_of(shape: EfficientAtShape, front_end: LogMel) -> InputContract:
    """What the exported model expects and gives."""
    return model.contract(front_end=front_end, classes=shape.classes, features=shape.features)


def _front_end(settings: dict[Any, Any], place: str) -> LogMel:
    variant = plain_yaml.lookup(settings, "front_end", place)
    plain = LogMel()
    return LogMel(
        variant=ORIGINAL if variant is None else str(variant),
        samples=int(_number(settings, "samples", place, plain.samples)),
    )


def _classes(state: Mapping[str, Tensor], path: Path) -> int:
    for name in (CLASSES_FROM, UPSTREAM_CLASSES_FROM):
        if name in state:
            return int(state[name].numel())
    raise ModelError(
        f"{path}: neither {CLASSES_FROM} nor {UPSTREAM_CLASSES_FROM}: not weights of EfficientAT"
    )


def _number(settings: dict[Any, Any], key: str, place: str, default: float) -> float:
    value = plain_yaml.lookup(settings, key, place)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ModelError(f"{place}: {key} is {value!r}, wants a number above 0")
    return value

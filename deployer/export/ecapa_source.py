"""A checkpoint folder of ECAPA-TDNN: `args.yml` says which network, `chkpnt.pt` holds the weights.

Settings: `network` (seed, C512 or C1024), `frames` (200), and any field of `EcapaShape` that differs. The weights
have our names or published ones; the trainer's classifier of speakers may be among them and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from board_runner.contract import InputContract
from board_runner.errors import ModelError
from board_runner.frontends.speaker_mel import SpeakerMel
from board_runner.models import ecapa as model
from deployer.export import plain_yaml, upstream_names, weights
from deployer.export.ecapa import Ecapa
from deployer.export.ecapa_shape import EcapaShape, preset
from deployer.export.sources import SETTINGS, WEIGHTS, Source, settings_text

HEAD = "classifier."
PUBLISHED = {"conv1d_in.weight": "ecapa_seed", "blocks.0.conv.conv.weight": "ecapa_speechbrain"}
"""A tensor by which published weights are known -> the file of their names."""


def load(folder: Path) -> Source:
    """Read a checkpoint folder; nothing that its files name is imported, built or called.

    Raises MissingArtifact without the folder or a file, ModelError for what does not fit.
    """
    place = str(folder / SETTINGS)
    settings = plain_yaml.load(settings_text(folder), place)
    shape = shape_of(settings, place)
    frames = _value(plain_yaml.lookup(settings, "frames", place), 200, "frames", place)
    network = Ecapa(shape)
    load_weights(network, weights.read(folder / WEIGHTS), folder / WEIGHTS)
    contract = contract_of(shape, SpeakerMel(frames=frames, channels=shape.mels))
    return Source(folder=folder, network=network.eval(), contract=contract, keeps_norms=True)


def load_weights(network: Ecapa, state: Mapping[str, Tensor], path: Path) -> None:
    """Put `state` into `network`, under our names or published ones, strictly; raises ModelError."""
    for mark, names in PUBLISHED.items():
        if mark in state:
            state = upstream_names.load(names).renamed(state, network.state_dict(), path)
    weights.load_strictly(
        network, {name: value for name, value in state.items() if not name.startswith(HEAD)}, path
    )


def contract_of(shape: EcapaShape, front_end: SpeakerMel) -> InputContract:
    """What the exported model expects and gives."""
    return model.contract(front_end=front_end, width=shape.width, pooled=shape.pooled)


def shape_of(settings: dict[Any, Any], place: str) -> EcapaShape:
    """The sizes that the settings state: a preset, and what differs from it. Raises ModelError."""
    name = plain_yaml.lookup(settings, "network", place)
    if name is None:
        raise ModelError(f"{place}: no network", hint="seed, C512 or C1024")
    plain = preset(str(name))
    given = {field.name: plain_yaml.lookup(settings, field.name, place) for field in fields(plain)}
    try:
        return replace(
            plain,
            **{
                key: _value(value, getattr(plain, key), key, place)
                for key, value in given.items()
                if value is not None
            },
        )
    except ModelError as e:
        raise ModelError(f"{place}: {e}" if place not in str(e) else str(e), hint=e.hint) from e


def _value(value: Any, plain: Any, key: str, place: str) -> Any:
    """`value` as the kind of thing that `plain` is, which it is where nothing is given."""
    if value is None:
        return plain
    if isinstance(plain, tuple) and isinstance(value, list) and value:
        return tuple(_value(item, plain[0], key, place) for item in value)
    if type(value) is not type(plain) or (isinstance(value, int) and value >= 1 << 20):
        raise ModelError(f"{place}: {key} is {value!r}, wants something like {plain!r}")
    return value

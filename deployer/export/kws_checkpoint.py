"""A checkpoint folder of keyword spotting: `args.yml` says the sizes, `chkpnt.pt` holds the weights.

The settings have the names of the speech-commands recipes: `model_size_info`, `window_size_ms` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from board_runner.contract import InputContract
from board_runner.errors import ModelError
from board_runner.frontends.mfcc import Mfcc
from board_runner.models import kws
from deployer.export import plain_yaml, weights
from deployer.export.kws import build
from deployer.export.kws_sizes import KwsShape, parse
from deployer.export.sources import SETTINGS, WEIGHTS, Source, settings_text

CLASSES_FROM = "fc.bias"
BUILT_IN_WORDS = 2  # silence and unknown come before the wanted words


def load(folder: Path) -> Source:
    """Read a checkpoint folder; nothing that its files name is imported, built or called.

    Raises MissingArtifact without the folder or a file, ModelError for what does not fit.
    """
    place = str(folder / SETTINGS)
    settings = plain_yaml.load(settings_text(folder), place)
    state = weights.read(folder / WEIGHTS)
    front_end = _front_end(settings, place)
    shape = _shape(settings, front_end, state, place)
    network = build(shape)
    weights.load_strictly(network, state, folder / WEIGHTS)
    return Source(folder=folder, network=network.eval(), contract=contract_of(shape, front_end))


def contract_of(shape: KwsShape, front_end: Mfcc) -> InputContract:
    """What the exported model expects and gives."""
    return kws.contract(front_end=front_end, classes=shape.classes)


def _front_end(settings: dict[Any, Any], place: str) -> Mfcc:
    """The MFCC of the settings; what they leave out is as in `Mfcc`."""
    plain = Mfcc()
    rate = _number(settings, "sample_rate", place) or plain.sample_rate_hz
    in_ms = {"samples": "clip_duration_ms", "window": "window_size_ms", "stride": "window_stride_ms"}
    sizes = {field: _number(settings, key, place) for field, key in in_ms.items()}
    counts = {
        field: round(rate * value / 1000) if value else getattr(plain, field)
        for field, value in sizes.items()
    }
    coefficients = _number(settings, "dct_coefficient_count", place) or plain.coefficients
    return Mfcc(sample_rate_hz=int(rate), coefficients=int(coefficients), **counts)


def _shape(settings: dict[Any, Any], front_end: Mfcc, state: Mapping[str, Tensor], place: str) -> KwsShape:
    sizes = plain_yaml.lookup(settings, "model_size_info", place)
    if sizes is None:
        raise ModelError(
            f"{place}: no model_size_info", hint="the sizes as one string, or DS-CNN-S and the like"
        )
    text = " ".join(map(str, sizes)) if isinstance(sizes, list) else str(sizes)
    words = plain_yaml.lookup(settings, "wanted_words", place)
    if words is not None:
        listed = words if isinstance(words, list) else str(words).split(",")
        classes = BUILT_IN_WORDS + len(listed)
    elif CLASSES_FROM in state:
        classes = state[CLASSES_FROM].numel()
    else:
        raise ModelError(f"{place}: no wanted_words, and the weights have no {CLASSES_FROM}")
    return parse(text, features=front_end.shape, classes=classes)


def _number(settings: dict[Any, Any], key: str, place: str) -> float | None:
    value = plain_yaml.lookup(settings, key, place)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ModelError(f"{place}: {key} is {value!r}, wants a number above 0")
    return value

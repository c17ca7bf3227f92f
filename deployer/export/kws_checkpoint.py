"""A checkpoint folder of keyword spotting: `args.yml` says the sizes, `chkpnt.pt` holds the weights.

The settings have the names of the speech-commands recipes: `model_size_info`, `window_size_ms` and so on. Instead
of `chkpnt.pt` the folder may have a TensorFlow checkpoint of these recipes, `NAME.index` and what belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from board_runner.contract import Array, InputContract
from board_runner.errors import ModelError
from board_runner.frontends.mfcc import Mfcc
from board_runner.models import kws
from deployer.export import kws_upstream, plain_yaml, weights
from deployer.export.kws import build
from deployer.export.kws_sizes import KwsShape, parse
from deployer.export.sources import SETTINGS, WEIGHTS, Source, settings_text

CLASSES_FROM = ("fc.bias", "DS-CNN/fc1/biases", "Variable_7")
BUILT_IN_WORDS = 2  # silence and unknown come before the wanted words


def load(folder: Path) -> Source:
    """Read a checkpoint folder; nothing that its files name is imported, built or called.

    Raises MissingArtifact without the folder or a file, ModelError for what does not fit.
    """
    place = str(folder / SETTINGS)
    settings = plain_yaml.load(settings_text(folder), place)
    theirs = _recipe(folder)
    state = weights.read(folder / WEIGHTS) if theirs is None else {}
    front_end = _front_end(settings, place)
    classes = _classes(settings, theirs or state, place)
    shape = parse(_sizes(settings, place), features=front_end.shape, classes=classes)
    network = build(shape)
    if theirs is not None:
        state = kws_upstream.state_of(theirs, network, folder)
    weights.load_strictly(network, state, folder / WEIGHTS)
    return Source(folder=folder, network=network.eval(), contract=contract_of(shape, front_end))


def fresh(settings: dict[Any, Any], folder: Path) -> Source:
    """An untrained network of these settings and of `n_classes`; raises ModelError."""
    place = str(folder)
    front_end = _front_end(settings, place)
    shape = parse(_sizes(settings, place), features=front_end.shape, classes=settings["n_classes"])
    return Source(folder=folder, network=build(shape), contract=contract_of(shape, front_end))


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


def _recipe(folder: Path) -> dict[str, Array] | None:
    """The variables of a TensorFlow checkpoint, where the folder has one and no `chkpnt.pt`."""
    found = sorted(folder.glob("*.index"))
    if (folder / WEIGHTS).is_file() or not found:
        return None
    if len(found) > 1:
        raise ModelError(f"{folder}: has {len(found)} TensorFlow checkpoints", hint="leave the one to export")
    from deployer.folding.tf import read_variables

    return read_variables(found[0].with_suffix(""))


def _sizes(settings: dict[Any, Any], place: str) -> str:
    sizes = plain_yaml.lookup(settings, "model_size_info", place)
    if sizes is None:
        raise ModelError(
            f"{place}: no model_size_info", hint="the sizes as one string, or DS-CNN-S and the like"
        )
    return " ".join(map(str, sizes)) if isinstance(sizes, list) else str(sizes)


def _classes(settings: dict[Any, Any], state: Mapping[str, Any], place: str) -> int:
    words = plain_yaml.lookup(settings, "wanted_words", place)
    if words is not None:
        return BUILT_IN_WORDS + len(words if isinstance(words, list) else str(words).split(","))
    found = next((name for name in CLASSES_FROM if name in state), None)
    if found is None:
        raise ModelError(f"{place}: no wanted_words, and the weights have no {CLASSES_FROM[0]}")
    return int(state[found].shape[0])


def _number(settings: dict[Any, Any], key: str, place: str) -> float | None:
    value = plain_yaml.lookup(settings, key, place)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ModelError(f"{place}: {key} is {value!r}, wants a number above 0")
    return value

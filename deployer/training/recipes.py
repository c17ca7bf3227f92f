"""What differs between the models in training; all the rest is one loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from board_runner.errors import UsageError
from deployer.training.settings import TrainSettings

LossName = Literal["label_smooth", "balanced_contrast"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One model's row.

    `sizes` are the keys of `args.yml` that its reader takes, with their defaults, and `marks` others that it wants;
    `head` begins the names of the tensors that depend on the classes. `waveform` says that the network hears the
    clip itself, so augmentations come after the front end; else they come before. `time_axis` and `mixes` are for
    batches of inputs. `init_std` is the deviation of fresh weights, None where the definition sees to it. `anneals`
    marks dynamic convolutions, which begin with a temperature above 1. `defaults` are settings that differ from
    `TrainSettings`.
    """

    sizes: Mapping[str, Any]
    head: str
    marks: Mapping[str, str] = field(default_factory=dict)
    loss: LossName = "label_smooth"
    waveform: bool = False
    time_axis: int = -1
    mixes: tuple[str, ...] = ("mixup", "timemix")
    init_std: float | None = None
    anneals: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


FEATURES: dict[str, Any] = {
    "mix_ratio": 0.0,
    "augs_mix": ("mixup", "timemix"),
    "augs": ("speed", "amp", "tshift", "noise"),
    "max_lr": 1e-3,
}
"""Settings of the networks that hear features: ours, no published ones."""

RECIPES: Mapping[str, Recipe] = {
    "eat": Recipe(
        sizes={
            "nf": 16,
            "emb_dim": 128,
            "n_layers": 4,
            "n_head": 8,
            "dim_feedforward": 512,
            "ds_factors": [4, 4, 4, 4],
            "seq_len": 114688,
            "sampling_rate": 22050,
        },
        marks={"model_type": "SoundNetRaw"},
        head="tf.fc.",
        waveform=True,
        mixes=("mixup", "timemix", "freqmix", "phmix"),
        init_std=0.02,
    ),
    "kws": Recipe(
        sizes={
            "model_size_info": "DS-CNN-S",
            "dct_coefficient_count": 10,
            "sample_rate": 16000,
            "clip_duration_ms": 1000,
            "window_size_ms": 32,
            "window_stride_ms": 20,
        },
        head="fc.",
        time_axis=-2,
        defaults=FEATURES | {"n_epochs": 60, "batch_size": 100},
    ),
    "efficientat": Recipe(
        sizes={"model_name": "mn10", "front_end": "original", "samples": 64000},
        head="head.score.",
        loss="balanced_contrast",
        anneals=True,
        defaults=FEATURES | {"n_epochs": 100, "batch_size": 64},
    ),
}


def of(model: str) -> Recipe:
    """The row of a model; raises UsageError for one that cannot be trained here."""
    if model not in RECIPES:
        raise UsageError(f"no training for {model!r}", hint=f"there is one for {', '.join(RECIPES)}")
    return RECIPES[model]


def settings(model: str, given: Mapping[str, Any]) -> TrainSettings:
    """The model's settings with what was `given` in their place, sizes among them.

    Raises UsageError for a name or size that the model does not have, and for a value outside its range.
    """
    recipe = of(model)
    names = {item.name for item in fields(TrainSettings)} - {"model", "sizes"}
    unknown = [name for name in given if name not in names and name not in recipe.sizes]
    if unknown:
        raise UsageError(f"{model} has no size {unknown[0]!r}", hint=f"its sizes: {', '.join(recipe.sizes)}")
    values = {**recipe.defaults} | {name: value for name, value in given.items() if name in names}
    sizes = {name: given.get(name, default) for name, default in recipe.sizes.items()}
    made = TrainSettings(model=model, sizes=sizes, **values)
    made.check()
    foreign = [name for name in made.augs_mix if name not in recipe.mixes]
    if foreign:
        raise UsageError(f"{model} has no mixing {foreign[0]!r}", hint=f"known: {', '.join(recipe.mixes)}")
    return made

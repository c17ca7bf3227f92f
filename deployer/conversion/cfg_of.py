"""The cfg of a conversion: a new one, or the user's own with what we lay out in the place of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar.cfg import Cfg, CfgModel, Separator


def new(*, section: str, chip: str, model: CfgModel, data: str, separator: Separator) -> Cfg:
    """One model for one chip."""
    return Cfg.new(section=section, chips=[chip], models=[model], data=data, separator=separator)


def entry(own: Cfg, stem: str, *, separator: Separator) -> CfgModel:
    """Which model of the user's lists is the project's ONNX, called `stem`: the only one, or the one named so.

    Raises ToolchainError when that is none.
    """
    models = own.models(separator=separator)
    found = models if len(models) == 1 else [model for model in models if model.name == stem]
    if len(found) != 1:
        raise ToolchainError(
            f"{own.source.place}: Model_LIST has {', '.join(model.name for model in models) or 'no model'}; "
            f"none is the project's ONNX, {stem!r}",
            hint="call one of them so, or set model.onnx in deploy.yaml to one of them",
        )
    return found[0]


def with_ours(own: Cfg, theirs: CfgModel, ours: CfgModel, *, data: str, separator: Separator) -> Cfg:
    """The user's file with `theirs` read from our ONNX and ini, and the calibration data from `data`."""
    models = [
        replace(model, name=ours.name, ini=ours.ini) if model == theirs else model
        for model in own.models(separator=separator)
    ]
    return _with_models(own, models, separator=separator).with_value("QUANT_DATA_PATH", data)


def narrowed(cfg: Cfg, *, chip: str, model: CfgModel, separator: Separator) -> Cfg:
    """The same file for one chip and one model: for `-s true`, where every run wipes the last one's texts."""
    one = cfg.with_items("CHIP_LIST", [chip], separator=separator)
    return _with_models(one, [model], separator=separator)


def _with_models(cfg: Cfg, models: Sequence[CfgModel], *, separator: Separator) -> Cfg:
    lists = {
        "Model_LIST": [model.name for model in models],
        "INPUT_SIZE_LIST": [model.input_size for model in models],
        "INPUT_INI_LIST": [model.ini for model in models],
        "CLASS_NUM_LIST": [model.class_num for model in models],
        "SAVE_NAME_LIST": [model.image for model in models],
    }
    for key, items in lists.items():
        cfg = cfg.with_items(key, items, separator=separator)
    return cfg

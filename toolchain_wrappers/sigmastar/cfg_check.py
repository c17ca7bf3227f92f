"""Whether a cfg fits the board, the folder of the algorithm and the kind of its models."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import findings
from toolchain_wrappers.sigmastar.cfg import KEYS, Cfg, CfgModel, Separator
from toolchain_wrappers.sigmastar.findings import Finding


def check(
    cfg: Cfg,
    *,
    chip: str | None = None,
    algorithm_dir: Path | None = None,
    onnx_folder: str = "onnx",
    is_audio: bool = True,
    separator: Separator | None = None,
    section: str | None = None,
    staged: Collection[Path] = (),
    known_chips: Sequence[str] = (),
) -> list[Finding]:
    """Everything wrong with the section (needed only when the file has several).

    `chip` is the target board's and `algorithm_dir` where models and ini files should lie; what is None is not
    checked. `separator` is the one that the toolchain at hand is known to read, `staged` are files that will be
    there once the tools run, `known_chips` the names that the vendor is known to use.
    """
    name = section if section is not None else next(iter(cfg.sections()), "")
    found = findings.shape_faults(cfg.source, {name: KEYS})
    found += [
        Finding(file=cfg.source.place, section=name, key=key, fault="has no value")
        for key in KEYS
        if not any(s.value and s.key.casefold() == key.casefold() for s in cfg.source.settings(name))
    ]
    detected = cfg.detect()
    if separator is not None and detected is not None and detected != separator:
        fault = f"its lists are parted by {detected!r}, the toolchain reads {separator!r}"
        found.append(Finding(file=cfg.source.place, section=name, fault=fault, hint="see cfg.list_separator"))
    try:
        chips = cfg.items("CHIP_LIST", section=name, separator=separator)
        models = cfg.models(section=name, separator=separator)
        data = cfg.get("QUANT_DATA_PATH", section=name)
    except ToolchainError as e:
        if any(not finding.is_warning for finding in found):
            return found  # the same fault, or one that follows from it
        return [*found, Finding(file=cfg.source.place, section=name, fault=_bare(e, cfg), hint=e.hint)]
    found += _chip_faults(cfg, name, chips, chip)
    found += _unknown_chips(cfg, name, [c for c in chips if c != chip], known_chips)
    found += _name_faults(cfg, name, models)
    if is_audio:
        found += _audio_faults(cfg, name, models)
    if algorithm_dir is not None:
        for key, paths in {
            "Model_LIST": [algorithm_dir / onnx_folder / f"{m.name}.onnx" for m in models],
            "INPUT_INI_LIST": [algorithm_dir / m.ini for m in models],
            "QUANT_DATA_PATH": [algorithm_dir / data] if data else [],
        }.items():
            found += _missing(cfg, name, key, [path for path in paths if path not in staged])
    return found


def _chip_faults(cfg: Cfg, section: str, chips: tuple[str, ...], chip: str | None) -> list[Finding]:
    if chip is None or chips == (chip,):
        return []
    listed = cfg.source.find("CHIP_LIST", section)
    if listed is None:
        return []
    if chip in chips:
        others = ", ".join(repr(c) for c in chips if c != chip)
        fault = f"converts for {others} too, which the board {chip!r} cannot run"
        return [findings.at(cfg.source, listed, fault, is_warning=True)]
    fault = f"{listed.value!r} is not the board's chip {chip!r}: the model would not run there"
    return [findings.at(cfg.source, listed, fault, hint=f"set CHIP_LIST={chip}")]


def _unknown_chips(cfg: Cfg, section: str, chips: Sequence[str], known: Sequence[str]) -> list[Finding]:
    listed = cfg.source.find("CHIP_LIST", section)
    if listed is None or not known:
        return []
    return [
        findings.at(
            cfg.source,
            listed,
            f"{chip!r} is no chip that the vendor names",
            hint=findings.nearest(chip, known) or f"known: {', '.join(known)}",
            is_warning=True,
        )
        for chip in chips
        if chip not in known
    ]


def _audio_faults(cfg: Cfg, section: str, models: tuple[CfgModel, ...]) -> list[Finding]:
    values = {
        "INPUT_SIZE_LIST": [model.input_size for model in models],
        "CLASS_NUM_LIST": [model.class_num for model in models],
    }
    found = []
    for key, items in values.items():
        setting = cfg.source.find(key, section)
        if setting is not None and any(item != "0" for item in items):
            fault = f"{setting.value!r} is not 0, which an audio model has"
            found.append(findings.at(cfg.source, setting, fault, hint=f"set {key} to 0 for each model"))
    return found


def _name_faults(cfg: Cfg, section: str, models: tuple[CfgModel, ...]) -> list[Finding]:
    listed, saved = cfg.source.find("Model_LIST", section), cfg.source.find("SAVE_NAME_LIST", section)
    if listed is None or saved is None:
        return []
    found = []
    for name in (model.name for model in models if model.name.endswith(".onnx")):
        hint = f"write {name.removesuffix('.onnx')}"
        found.append(findings.at(cfg.source, listed, f"{name!r} has its suffix", hint=hint))
    images = [model.image for model in models]
    for image in dict.fromkeys(images):
        if images.count(image) > 1:
            fault = f"{image!r} is the name of {images.count(image)} models, which overwrite each other"
            found.append(findings.at(cfg.source, saved, fault, hint="give each its own"))
        if not image.endswith(".img"):
            found.append(findings.at(cfg.source, saved, f"{image!r} does not end in .img", is_warning=True))
    return found


def _missing(cfg: Cfg, section: str, key: str, paths: Sequence[Path]) -> list[Finding]:
    setting = cfg.source.find(key, section)
    if setting is None:
        return []
    found = []
    for path in dict.fromkeys(paths):
        if not _exists(path):
            hint = findings.nearest(path.name, _beside(path))
            found.append(findings.at(cfg.source, setting, f"there is no {path}", hint=hint))
    return found


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, or a folder that is closed to us
        return False


def _beside(path: Path) -> list[str]:
    try:
        return sorted(other.name for other in path.parent.iterdir())
    except OSError:
        return []


def _bare(error: ToolchainError, cfg: Cfg) -> str:
    return str(error).removeprefix(f"{cfg.source.place}: ")

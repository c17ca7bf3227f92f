"""Class ids with their names, and a recogniser's tokens with theirs, as every table and report shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deployer import resources
from deployer.errors import ConfigError, MissingArtifact
from deployer.settings import yaml_source
from deployer.settings.config import ModelSection

if TYPE_CHECKING:  # imported where a model is read: a push that finds nothing to do needs none
    from board_runner.contract import InputContract


def load(section: ModelSection, root: Path) -> list[str]:
    """Class names by id: a list as it stands, a file, or the name of a packaged label set.

    A recogniser's file has lines of `unit number`, as `deploy eval --units` takes it. Raises ConfigError when
    there is no such file, ModelError for one that is no list of units.
    """
    wanted = section.labels
    defaults = yaml_source.read(resources.configs_dir() / "models" / f"{section.name}.yaml").data
    if wanted is None:
        wanted = str(defaults["labels"])
    if isinstance(wanted, list):
        return wanted
    packaged_file = _packaged(str(wanted))
    path = packaged_file if packaged_file.is_file() else root / wanted
    if not path.is_file():
        known = sorted(p.stem for p in packaged_file.parent.glob("*.txt"))
        raise ConfigError(f"no label file {path}", hint=f"packaged label sets: {', '.join(known)}")
    if defaults.get("labels_are") == "units" and path != packaged_file:
        from board_runner.models import units  # brings numpy

        return units.read(path)
    return path.read_text(encoding="utf-8").splitlines()


def fitting(names: list[str], section: ModelSection, contract: Callable[[], InputContract]) -> list[str]:
    """The names, if the model has as many classes; what it has is asked for a model of one's own alone.

    Names that nobody chose become empty where their number is another: a class then has its number alone.
    Raises ConfigError where `model.labels` gives another number of names.
    """
    if not names or section.image is not None or (section.checkpoint is None and section.onnx is None):
        return names
    try:
        classes = int(contract().outputs[0].shape[-1])
    except MissingArtifact:  # not exported yet
        return names
    if len(names) == classes:
        return names
    if section.labels is None:
        return [""] * classes
    raise ConfigError(
        f"model.labels has {len(names)} names, the model {classes} classes",
        hint="a name a line, in the order of the class ids; unset it to see bare numbers",
    )


def packaged(name: str) -> list[str]:
    """Class names by id of a label set that comes with the package."""
    return _packaged(name).read_text(encoding="utf-8").splitlines()


def _packaged(name: str) -> Path:
    return resources.configs_dir() / "labels" / f"{name}.txt"


def shown(class_id: int | None, labels: Sequence[str]) -> str:
    """`32 keyboard_typing`; the bare number where no name is known, a dash for none."""
    if class_id is None:
        return "-"
    return f"{class_id} {labels[class_id]}".rstrip() if 0 <= class_id < len(labels) else str(class_id)

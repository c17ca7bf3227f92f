"""Class ids with their names, as every table and report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployer import resources
from deployer.errors import ConfigError
from deployer.settings import yaml_source
from deployer.settings.config import ModelSection


def load(section: ModelSection, root: Path) -> list[str]:
    """Class names by id: a list as it stands, a file, or the name of a packaged label set.

    Raises ConfigError when there is no such file.
    """
    wanted = section.labels
    if wanted is None:
        defaults = yaml_source.read(resources.configs_dir() / "models" / f"{section.name}.yaml").data
        wanted = str(defaults["labels"])
    if isinstance(wanted, list):
        return wanted
    packaged_file = _packaged(str(wanted))
    path = packaged_file if packaged_file.is_file() else root / wanted
    if not path.is_file():
        known = sorted(p.stem for p in packaged_file.parent.glob("*.txt"))
        raise ConfigError(f"no label file {path}", hint=f"packaged label sets: {', '.join(known)}")
    return path.read_text(encoding="utf-8").splitlines()


def packaged(name: str) -> list[str]:
    """Class names by id of a label set that comes with the package."""
    return _packaged(name).read_text(encoding="utf-8").splitlines()


def _packaged(name: str) -> Path:
    return resources.configs_dir() / "labels" / f"{name}.txt"


def shown(class_id: int | None, labels: Sequence[str]) -> str:
    """`32 keyboard_typing`; the bare number where no name is known, a dash for none."""
    if class_id is None:
        return "-"
    return f"{class_id} {labels[class_id]}" if 0 <= class_id < len(labels) else str(class_id)

"""Class ids with their names, as every table and report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployer import resources, yaml_source
from deployer.config import ModelSection
from deployer.errors import ConfigError


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
    packaged = resources.configs_dir() / "labels" / f"{wanted}.txt"
    path = packaged if packaged.is_file() else root / wanted
    if not path.is_file():
        known = sorted(p.stem for p in packaged.parent.glob("*.txt"))
        raise ConfigError(f"no label file {path}", hint=f"packaged label sets: {', '.join(known)}")
    return path.read_text(encoding="utf-8").splitlines()


def shown(class_id: int | None, labels: Sequence[str]) -> str:
    """`32 keyboard_typing`; the bare number where no name is known, a dash for none."""
    if class_id is None:
        return "-"
    return f"{class_id} {labels[class_id]}" if 0 <= class_id < len(labels) else str(class_id)

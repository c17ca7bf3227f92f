"""The vendor's tree, and what a run in it wrote. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "cfg_env.sh"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The vendor's two folders, and the algorithm inside the first (`sed/eat`)."""

    models_dir: Path
    tools_dir: Path
    algorithm: str

    @property
    def algorithm_dir(self) -> Path:
        """Where the algorithm's own convert.sh lies."""
        return self.models_dir / self.algorithm

    def missing(self) -> list[Path]:
        """What a usable tree has and this one lacks."""
        needed = (
            self.models_dir / "convert.sh",
            self.models_dir / "config",
            self.algorithm_dir / "convert.sh",
            self.tools_dir / ENVIRONMENT,
            self.tools_dir / "Scripts" / "calibrator" / "simulator.py",
        )
        return [path for path in needed if not path.exists()]


def dump_name(model: Path, data: Path) -> str:
    """The file below ./log/output that holds the outputs for one input file."""
    return f"unknown_{model.name}_{data.name}.txt"


Snapshot = dict[Path, tuple[int, int, int]]


def snapshot(folder: Path) -> Snapshot:
    """Every file below `folder` with what tells whether it was written since."""
    return {
        path: (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        for path in folder.rglob("*")
        if path.is_file() and (stat := path.stat())
    }


def written(before: Snapshot, after: Snapshot) -> list[Path]:
    """The files that are new or were written between two snapshots: never merely the newest."""
    return sorted(path for path, state in after.items() if before.get(path) != state)

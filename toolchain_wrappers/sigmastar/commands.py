"""Argument vectors, and what each run is held to have made. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BAR = re.compile(r"\](?P<percent>\d+(?:\.\d+)?)% \| ETA")

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

    @property
    def output_dir(self) -> Path:
        """Below it the tree makes `<chip>_<time>/`."""
        return self.models_dir / "output"

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


def convert(tree: Tree, cfg: str, *, simulate: bool) -> list[str]:
    """The documented command line, run in `models_dir`; the vendor asks for an absolute toolchain path."""
    flag = "true" if simulate else "false"
    tools = str(tree.tools_dir.resolve())
    return ["bash", "convert.sh", "-a", tree.algorithm, "-c", cfg, "-p", tools, "-s", flag]


def simulator(tree: Tree, *, model: Path, data: Path, preprocess: Path, chip: str, work: Path) -> list[str]:
    """The vendor's simulator in the tools' environment, in the folder `work`, for it wipes ./log and ./output.

    One process: with more, the vendor's tool swallows the errors of all but the first.
    """
    script = (
        'cd "$1" && . ./' + ENVIRONMENT + ' && cd "$2" && shift 2 && '
        'exec python3 "$SGS_IPU_DIR/Scripts/calibrator/simulator.py" "$@"'
    )
    words = ["-i", str(data), "-m", str(model), "-n", str(preprocess), "-c", "Unknown", "--num_process", "1"]
    folders = [str(tree.tools_dir.resolve()), str(work)]
    return ["bash", "-c", script, "simulate", *folders, *words, "--soc_version", chip]


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


def named(files: Iterable[Path], name: str) -> list[Path]:
    """Those called `name`, in whatever folder the tree chose."""
    return [path for path in files if path.name == name]


def plain(line: str) -> str:
    """A console line without colours; of a bar that was redrawn in place, its last state."""
    return _ANSI.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip()


def percent(line: str) -> float | None:
    """How far a redrawn bar is; None for other lines."""
    match = _BAR.search(line)
    return float(match["percent"]) if match else None

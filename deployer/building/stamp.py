"""What the objects in an SDK were built with, noted beside them: another project may build in the same SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deployer import whole_file
from deployer.building.compiler import Compiler
from deployer.building.job import BuildJob
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sdk.defconfig import Chosen
from toolchain_wrappers.sdk.tree import SdkTree

NAME = ".deploy_build.json"
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Hash of the configuration, compiler, and program -> the file below `out/` that make last wrote."""

    config: str
    compiler: str
    outputs: Mapping[str, str] = field(default_factory=dict)


def of(chosen: Chosen | None, compiler: Compiler | None) -> Stamp:
    """What a build that starts now works with."""
    return Stamp(config=chosen.sha256 if chosen else "", compiler=str(compiler or ""))


def read(tree: SdkTree) -> Stamp | None:
    """What was noted; None where nothing, or nothing readable, was."""
    try:
        fields = json.loads((tree.out / NAME).read_text(encoding="utf-8"))
        return Stamp(**fields)
    except (OSError, ValueError, TypeError):
        return None


def write(tree: SdkTree, stamp: Stamp) -> None:
    """Note it, whole or not at all. Raises ToolchainError where the SDK cannot be written."""
    try:
        tree.out.mkdir(parents=True, exist_ok=True)
        whole_file.write(tree.out / NAME, f"{json.dumps(asdict(stamp), indent=1)}\n".encode())
    except OSError as e:
        raise ToolchainError(
            f"{tree.out} cannot be written: {e.strerror}",
            hint="an earlier build as root may have left it so; give the SDK to one user",
        ) from e


def forget(tree: SdkTree) -> None:
    """Until a clean is through, nobody knows what the objects were built with."""
    if tree.out.is_dir():
        write(tree, Stamp(config=UNKNOWN, compiler=UNKNOWN))


def why_clean(job: BuildJob, found: Stamp | None, now: Stamp, chosen: Chosen | None) -> str | None:
    """Why `make clean` is needed before this build, in words; None where the objects can be used."""
    if job.clean:
        return "asked for"
    objects = _objects(job.tree.out)
    if not objects:
        return None
    if found is None:
        # Built by hand: all that can be seen is whether the defconfig was chosen after that.
        newest = max(path.stat().st_mtime for path in objects)
        changed = chosen is not None and max(path.stat().st_mtime for path in chosen.files) > newest
        return "the defconfig was chosen after what lies in out/ was built" if changed else None
    if found.config == UNKNOWN:
        return "an earlier clean did not come to its end"
    if found.config != now.config:
        return "the defconfig has changed"
    if found.compiler and now.compiler and found.compiler != now.compiler:
        return f"the compiler has changed, from {found.compiler} to {now.compiler}"
    return None


def others(tree: SdkTree, name: str) -> list[Path]:
    """The programs that a clean drops besides the one wanted."""
    return [path for path in tree.programs() if path.name != name]


def _objects(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".deploy_build")]

"""Where things lie in an SDK, and the commands its documents give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolchain_wrappers.sdk.profile import SdkProfile


def program_name(target: str) -> str:
    """What make calls the program of a target such as `sed/eat`: `prog_` and its last two parts."""
    return "_".join(["prog", *PurePosixPath(target).parts[-2:]])


@dataclass(frozen=True, kw_only=True)
class SdkTree:
    """An SDK on disk; a target is a path below opendla's `source/`, such as `sed/eat`."""

    root: Path
    profile: SdkProfile

    @property
    def opendla(self) -> Path:
        """Where make is run."""
        return self.root / self.profile.opendla

    @property
    def project(self) -> Path:
        """Where the defconfig is chosen."""
        return self.root / self.profile.project

    @property
    def out(self) -> Path:
        """Below it make writes `<AARCH>/app/`."""
        return self.opendla / self.profile.out

    def source(self, target: str) -> Path:
        """The program's own sources."""
        return self.opendla / self.profile.source / target

    def targets(self) -> list[str]:
        """What this SDK has sources of, two levels deep."""
        base = self.opendla / self.profile.source
        return sorted(path.relative_to(base).as_posix() for path in base.glob("*/*") if path.is_dir())

    def missing(self) -> list[Path]:
        """What a usable SDK has and this one lacks."""
        needed = (self.project, self.opendla, self.opendla / self.profile.source)
        makefiles = [self.opendla / name for name in ("GNUmakefile", "makefile", "Makefile")]
        lacking = [path for path in needed if not path.is_dir()]
        return lacking if any(path.is_file() for path in makefiles) else [*lacking, makefiles[-1]]

    def make(self, target: str, *, jobs: int) -> list[str]:
        """The documented command for one program, run in `opendla`."""
        return [self.profile.make, f"{self.profile.source}/{target}", f"-j{jobs}"]

    def clean(self) -> list[str]:
        """Drops every program and object, run in `opendla`."""
        return [self.profile.make, "clean"]

    def choose(self, defconfig: str) -> list[str]:
        """Chooses a defconfig for the whole SDK, run in `project`."""
        return [self.profile.make, defconfig]

    def programs(self, name: str | None = None) -> list[Path]:
        """What lies in `out/*/app/`: all of it, or the files called `name`."""
        found = sorted(self.out.glob(f"**/{self.profile.app}/*"))
        return [path for path in found if path.is_file() and (name is None or path.name == name)]

    def aarch(self, program: Path) -> str:
        """The name of its folder below `out/`; empty where make wrote `out//app`."""
        folder = program.relative_to(self.out).parent.parent.as_posix()
        return "" if folder == "." else folder

    def only(self, programs: Sequence[Path], aarch: str) -> list[Path]:
        """Those below `out/<aarch>/`."""
        return [path for path in programs if self.aarch(path) == aarch]

"""What is to be built, by which SDK, and where it is kept."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from toolchain_wrappers.runtime import Host, Runtime
from toolchain_wrappers.sdk.tree import SdkTree, program_name


@dataclass(frozen=True, kw_only=True)
class BuildJob:
    """One program. `target` is its path below opendla's `source/`; `aarch` the folder below `out/` to take.

    `defconfig` is what the SDK should be configured for, where that is known. `where` says in words in what
    `runtime` works: another image is another compiler. `clean` asks for `make clean` even where nothing calls
    for it.
    """

    tree: SdkTree
    target: str
    store: Path
    runtime: Runtime = field(default_factory=Host)
    where: str = "host"
    jobs: int = 1
    aarch: str | None = None
    defconfig: str | None = None
    clean: bool = False
    stall_timeout_s: float = 900.0

    @property
    def name(self) -> str:
        """What make calls the program."""
        return program_name(self.target)

    @property
    def folder(self) -> Path:
        """Where the program is kept, with its log and its manifest."""
        return self.store / self.name

    @property
    def log(self) -> Path:
        """What make said the last time, whatever came of it."""
        return self.store / f"{self.name}.log"


def run_name() -> str:
    """What a container of ours is called; no two the same."""
    return f"deploy-{uuid.uuid4().hex[:16]}"

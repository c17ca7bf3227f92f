"""A small SDK to build in: the stand-in's makefiles over three C files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployer import build, resources
from deployer.build import Built
from deployer.building.job import BuildJob
from deployer.events import Advanced, Event, Skipped, Warned
from toolchain_wrappers.runtime import Host, Runtime
from toolchain_wrappers.sdk import profile
from toolchain_wrappers.sdk.tree import SdkTree
from toolchain_wrappers.standin import sdk
from toolchain_wrappers.standin.sdk import Arch, SdkVariant

NATIVE = Path(__file__).parent / "native"


@dataclass
class Sdk:
    """A stand-in SDK, a store, and what was said while building."""

    root: Path
    store: Path
    variant: SdkVariant = field(default_factory=SdkVariant)
    events: list[Event] = field(default_factory=list)

    def write(self, arch: Arch | None) -> Sdk:
        """The tree, with a defconfig chosen or none."""
        sdk.make(self.root, self.variant, arch=arch, native=NATIVE)
        return self

    @property
    def tree(self) -> SdkTree:
        """As the driver sees it."""
        return SdkTree(root=self.root, profile=profile.load(resources.configs_dir() / "toolchains"))

    def job(
        self,
        target: str = "sed/eat",
        *,
        aarch: str | None = None,
        defconfig: str | None = None,
        clean: bool = False,
        runtime: Runtime | None = None,
        stall_timeout_s: float = 60.0,
    ) -> BuildJob:
        """A build in this tree."""
        return BuildJob(
            tree=self.tree,
            target=target,
            store=self.store,
            jobs=2,
            aarch=aarch,
            defconfig=defconfig,
            clean=clean,
            runtime=runtime or Host(),
            stall_timeout_s=stall_timeout_s,
        )

    def build(self, job: BuildJob | None = None, *, force: bool = False) -> Built:
        """Build, keeping the events of this build only."""
        self.events.clear()
        return build.build(job or self.job(), force=force, emit=self.events.append)

    @property
    def warnings(self) -> list[str]:
        """What the last build warned of."""
        return [event.message for event in self.events if isinstance(event, Warned)]

    @property
    def compiled(self) -> list[str]:
        """The sources that the last build compiled."""
        return [event.note for event in self.events if isinstance(event, Advanced)]

    @property
    def skipped(self) -> bool:
        """Whether the last build found the program current."""
        return any(isinstance(event, Skipped) for event in self.events)


@pytest.fixture
def sdk_of(tmp_path: Path) -> Callable[[SdkVariant], Sdk]:
    """A tree of a variant, not written yet."""
    return lambda variant: Sdk(root=tmp_path / "sdk", store=tmp_path / "store", variant=variant)


@pytest.fixture
def small(tmp_path: Path) -> Sdk:
    """The tree as published, configured for aarch64."""
    return Sdk(root=tmp_path / "sdk", store=tmp_path / "store").write("aarch64")

"""The vendor's tools as deploy.yaml names them, or the stand-in where it names none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from deployer import resources
from deployer.conversion.runtime import runtime_of
from deployer.settings.config import Deployment
from toolchain_wrappers import standin
from toolchain_wrappers.sigmastar import profile
from toolchain_wrappers.sigmastar.commands import Tree
from toolchain_wrappers.sigmastar.profile import Profile
from toolchain_wrappers.sigmastar.tools import Tools


@dataclass(frozen=True)
class Toolchain:
    """`algorithm` is what the vendor calls the model's: `sed/eat`."""

    deployment: Deployment
    algorithm: str

    @property
    def is_vendors(self) -> bool:
        """Whether deploy.yaml names a tree, and not the built-in stand-in is used."""
        section = self.deployment.settings.toolchain
        return section.models_dir is not None and section.tools_dir is not None

    @cached_property
    def tree(self) -> Tree:
        """The vendor's two folders, or the stand-in, written anew where it is used."""
        section = self.deployment.settings.toolchain
        if section.models_dir is None or section.tools_dir is None:
            made = standin.make(self.deployment.state_dir / "toolchain")
            return Tree(models_dir=made.models_dir, tools_dir=made.tools_dir, algorithm=self.algorithm)
        return Tree(
            models_dir=self.deployment.resolve(section.models_dir),
            tools_dir=self.deployment.resolve(section.tools_dir),
            algorithm=self.algorithm,
        )

    @cached_property
    def profile(self) -> Profile:
        """What is not public about the tools. Raises ToolchainError for a wrong one."""
        changes = self.deployment.settings.toolchain.profile
        whole = changes if self.is_vendors else {**standin.PROFILE, **changes}
        return profile.load(resources.configs_dir() / "toolchains", whole)

    @cached_property
    def tools(self) -> Tools:
        """The tree, how it is driven, and where it runs. Raises ToolchainError for a wrong profile or runtime."""
        section = self.deployment.settings.toolchain
        return Tools(
            tree=self.tree,
            profile=self.profile,
            runtime=runtime_of(section, self.deployment, (self.tree.models_dir, self.tree.tools_dir)),
        )

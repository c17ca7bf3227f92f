"""Which compiler an SDK builds with, asked of the compiler itself."""

from __future__ import annotations

from dataclasses import dataclass

from deployer import shell
from deployer.building.job import BuildJob, run_name
from toolchain_wrappers.sdk.defconfig import Chosen

_ASK = """\
path=$(command -v "$1") && version=$("$1" -dumpfullversion -dumpversion) && triple=$("$1" -dumpmachine) &&
  echo "@ $path $version $triple"
"""
_MACHINES = (("aarch64", "aarch64"), ("arm", "arm"), ("x86_64", "x86_64"), ("i", "i386"))


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """A compiler that answered; `triple` is what it builds for, as in `aarch64-linux-gnu`."""

    path: str
    version: str
    triple: str

    def __str__(self) -> str:
        return f"{self.path} {self.version} for {self.triple}"

    @property
    def machine(self) -> str | None:
        """What its programs run on, as `elf` names it."""
        return next((name for prefix, name in _MACHINES if self.triple.startswith(prefix)), None)


def ask(job: BuildJob, chosen: Chosen | None) -> Compiler | None:
    """The compiler that the configuration names; None where it names none or that cannot be run.

    That is no error yet: the keys are a guess, and make knows better. It will say what it lacks.
    """
    prefix = chosen.compiler(job.tree.profile.compiler_keys) if chosen else None
    if prefix is None:
        return None
    words = ["sh", "-c", _ASK, "sh", f"{prefix}gcc"]
    said = shell.ask(job.runtime.wrap(words, cwd=job.tree.opendla, name=run_name()), timeout_s=60)
    for line in said.out.splitlines():
        mark, *rest = line.split()[:4] or [""]
        if mark == "@" and len(rest) == 3:
            return Compiler(path=rest[0], version=rest[1], triple=rest[2])
    return None

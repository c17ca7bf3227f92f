"""Where a vendor's tools run: on this host, or in a container of docker or podman. Starts nothing itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from toolchain_wrappers.errors import ToolchainError

STATUS_MARK = "deploy-exit-status:"
"""Some engines lose the status of the command inside, so the command's own shell says it as well."""

STOP_S = 5
"""How long a container that is stopped may take before it is killed."""

_INSIDE = f"""\
owner=$1 count=$2 mark=$(mktemp); shift 2
touch -d "@$(($(date +%s) - 1))" "$mark"  # times of files are coarser than a fast tool
written=("${{@:1:$count}}"); shift "$count"
set -m  # a group of its own, so that a stopped command takes all it started along
"$@" & child=$!
trap 'kill -TERM -- "-$child"' TERM INT
wait "$child"; status=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
[ -z "$owner" ] || find "${{written[@]}}" -newer "$mark" -uid 0 -exec chown -h "$owner" {{}} + 2>/dev/null
rm -f "$mark"; echo; echo "{STATUS_MARK} $status"; exit $status
"""
"""Runs the command, gives what it wrote to its owner on the host, and says how it ended; also when stopped."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder of this host, and where the container sees it."""

    host: Path
    inside: PurePosixPath
    read_only: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.inside}" + (":ro" if self.read_only else "")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A command that ends with 0 where a container can be started; else `fault` and `cure` say what is wrong."""

    argv: list[str]
    fault: str
    cure: str


class Runtime(Protocol):
    """How a command of the tools becomes one that this host can start."""

    def inside(self, path: Path) -> str:
        """The path as the tools see it. Raises ToolchainError where they do not."""
        ...

    def wrap(self, argv: Sequence[str], *, cwd: Path, name: str) -> list[str]:
        """The command to start; `name` is unique to this run."""
        ...

    def stop(self, name: str) -> list[list[str]]:
        """Commands that end a run called `name` and leave nothing behind."""
        ...

    def probe(self) -> Probe | None:
        """What to ask before the first run; None where there is nothing to ask."""
        ...


@dataclass(frozen=True, kw_only=True)
class Host:
    """The tools run here: the stand-in, or `deploy` itself inside the vendor's container."""

    def inside(self, path: Path) -> str:
        """The same path, absolute."""
        return str(path.resolve())

    def wrap(self, argv: Sequence[str], *, cwd: Path, name: str) -> list[str]:
        """The command itself."""
        return list(argv)

    def stop(self, name: str) -> list[list[str]]:
        """The process group is enough."""
        return []

    def probe(self) -> Probe | None:
        """The host is here."""
        return None


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container a run: `docker run` or `podman run`, without a terminal, of an image or over a rootfs.

    `owner` (`uid:gid`) gets what the tools wrote; None where the engine maps users itself, as rootless podman
    does. `options` are the user's own, before the image.
    """

    engine: Literal["docker", "podman"]
    image: str = ""
    rootfs: Path | None = None
    mounts: tuple[Mount, ...] = ()
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    program: str | None = None

    def inside(self, path: Path) -> str:
        """Through the deepest mount that holds `path`. Raises ToolchainError where none does."""
        wanted = path.resolve()
        holding = [mount for mount in self.mounts if wanted.is_relative_to(mount.host.resolve())]
        if not holding:
            known = ", ".join(str(mount) for mount in self.mounts) or "none"
            raise ToolchainError(
                f"the container does not see {path}; its mounts: {known}",
                hint="add the folder to toolchain.mounts in deploy.yaml, or move it below one of them",
            )
        mount = max(holding, key=lambda m: len(m.host.resolve().parts))
        return str(mount.inside / wanted.relative_to(mount.host.resolve()).as_posix())

    def wrap(self, argv: Sequence[str], *, cwd: Path, name: str) -> list[str]:
        """`run --rm`; whatever it loses of the exit status, the last line says."""
        written = [str(mount.inside) for mount in self.mounts if not mount.read_only]
        return [
            *self._engine("run", "--rm", "--name", name, "--workdir", self.inside(cwd)),
            *(word for mount in self.mounts for word in ("--volume", str(mount))),
            *(word for key, value in self.env.items() for word in ("--env", f"{key}={value}")),
            *self.options,
            *(("--rootfs", str(self.rootfs)) if self.rootfs is not None else (self.image,)),
            *("bash", "-c", _INSIDE, "deploy", self.owner or "", str(len(written)), *written),
            *argv,
        ]

    def stop(self, name: str) -> list[list[str]]:
        """Asked to end, so that files get their owner; killed and removed. One that is gone already is no error."""
        gently = self._engine("stop", "-t", str(STOP_S), name)
        return [gently, self._engine("kill", name), self._engine("rm", "--force", name)]

    def probe(self) -> Probe | None:
        """Whether the engine answers and has the image: pulled from nowhere, for the vendor's is in no registry."""
        if self.rootfs is not None:
            return Probe(
                argv=["test", "-d", str(self.rootfs)],
                fault=f"there is no rootfs {self.rootfs}",
                cure="correct toolchain.rootfs, or name toolchain.image",
            )
        return Probe(
            argv=self._engine("image", "inspect", "--format", "{{.Id}}", self.image),
            fault=f"{self.engine} cannot give the image {self.image}",
            cure=f"unpack the release's sgs_docker_*.tar.xz and `{self.engine} load` it; "
            f"`{self.engine} images` lists what there is, toolchain.image names another",
        )

    def _engine(self, *words: str) -> list[str]:
        return [self.program or self.engine, *words]


def stated_status(lines: Sequence[str]) -> int | None:
    """The exit status that the shell inside stated; None when it never came to that."""
    for line in reversed(lines):
        if line.startswith(STATUS_MARK) and line[len(STATUS_MARK) :].strip().isdigit():
            return int(line[len(STATUS_MARK) :])
    return None


def host_owner() -> str:
    """`uid:gid` of who runs this."""
    return f"{os.getuid()}:{os.getgid()}"

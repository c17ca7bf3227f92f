"""The vendor's `run_docker.sh`: which image, which folders go where. Read, never run: it is interactive."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Mount

_HERE = re.compile(r"\$PWD\b|\$\{PWD\}|\$\(pwd\)|`pwd`")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(\w+)=([^\s;#]*|\"[^\"]*\"|'[^']*')\s*(?:#.*)?$")
_TAKES_VALUE = frozenset(
    (
        *(
            "--name",
            "--net",
            "--network",
            "--user",
            "-u",
            "-w",
            "--workdir",
            "-e",
            "--env",
            "--hostname",
            "-h",
        ),
        *(
            "--shm-size",
            "--cpus",
            "-m",
            "--memory",
            "--entrypoint",
            "--device",
            "-p",
            "--publish",
            "--ulimit",
        ),
    )
)
_CURE = "set toolchain.image and toolchain.mounts in deploy.yaml"


@dataclass(frozen=True, kw_only=True)
class RunDocker:
    """What the script would start."""

    image: str
    mounts: tuple[Mount, ...]


def parse(text: str, *, folder: Path) -> RunDocker:
    """The `docker run` line of a script that lies in `folder`; Windows line ends are no hindrance.

    Variables that the script sets itself and `$PWD` are filled in. Raises ToolchainError for a script without
    such a line, and for a variable that nobody sets.
    """
    lines = text.replace("\r\n", "\n").replace("\\\n", " ").splitlines()
    known = {match[1]: match[2] for line in lines if (match := _ASSIGNMENT.match(line))}
    for line in lines:
        words = _words(line)
        for place, word in enumerate(words[:-1]):
            if Path(word).name in ("docker", "podman") and words[place + 1] == "run":
                return _read([_filled(w, known, folder) for w in words[place + 2 :]], folder)
    raise ToolchainError(
        f"no `docker run` in {folder / 'run_docker.sh'}",
        hint="set toolchain.image and toolchain.mounts in deploy.yaml",
    )


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote that ends on another line: no line that we look for
        return []


def _filled(word: str, known: dict[str, str], folder: Path) -> str:
    word = _HERE.sub(str(folder), word)
    for _ in range(len(known) + 1):
        match = _VARIABLE.search(word)
        if match is None:
            return word
        if match[1] not in known:
            raise ToolchainError(
                f"run_docker.sh uses ${match[1]}, which it does not set",
                hint=_CURE,
            )
        word = _HERE.sub(str(folder), word.replace(match[0], known[match[1]].strip("\"'")))
    raise ToolchainError(f"run_docker.sh: variables that stand for each other in {word!r}")


def _read(words: list[str], folder: Path) -> RunDocker:
    mounts: list[Mount] = []
    rest = iter(words)
    for word in rest:
        if word in ("-v", "--volume"):
            mounts.append(_mount(next(rest, ""), folder))
        elif word.startswith(("--volume=", "-v=")):
            mounts.append(_mount(word.partition("=")[2], folder))
        elif word in _TAKES_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return RunDocker(image=word, mounts=tuple(mounts))
    raise ToolchainError("run_docker.sh names no image", hint=_CURE)


def _mount(text: str, folder: Path) -> Mount:
    host, _, rest = text.partition(":")
    inside, _, mode = rest.partition(":")
    if not host or not inside.startswith("/"):
        raise ToolchainError(f"run_docker.sh mounts {text!r}, which is not HOST:INSIDE")
    path = Path(host).expanduser()
    return Mount(
        host=path if path.is_absolute() else folder / path,
        inside=PurePosixPath(inside),
        read_only="ro" in mode.split(","),
    )

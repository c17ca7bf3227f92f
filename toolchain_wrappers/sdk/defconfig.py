"""What was chosen for an SDK: read from the files that `make NAME_defconfig` is known or thought to write."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolchain_wrappers.sdk.tree import SdkTree
from toolchain_wrappers.sigmastar.console import plain

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(?P<key>[A-Za-z_]\w*)\s*[:?+]?=\s*(?P<value>.*?)\s*(?:#.*)?$")
_MISSING = re.compile(
    r"(?P<file>[^\s:'`‘]+)['’]?: No such file or directory|No rule to make target [`'‘](?P<target>[^'’]+)['’]"
)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The configuration of an SDK as its files hold it: `values` without CONFIG_ and quotes."""

    files: tuple[Path, ...]
    values: Mapping[str, str]
    sha256: str

    def compiler(self, keys: Iterable[str]) -> str | None:
        """What stands before `gcc`: `aarch64-linux-gnu-`; None where none of `keys` says."""
        found = next((self.values[key] for key in keys if self.values.get(key)), None)
        return None if found is None else found if found.endswith("-") else f"{found}-"


def read(tree: SdkTree) -> Chosen | None:
    """What was chosen; None where none of the files is there, which proves nothing: they may lie elsewhere."""
    files = [path for name in tree.profile.config_files if (path := tree.project / name).is_file()]
    if not files:
        return None
    digest = hashlib.sha256()
    values: dict[str, str] = {}
    for path in files:
        data = path.read_bytes()
        digest.update(path.relative_to(tree.project).as_posix().encode() + b"\0" + data + b"\0")
        values = assignments(data.decode("utf-8", "replace")) | values
    return Chosen(files=tuple(files), values=values, sha256=digest.hexdigest())


def assignments(text: str) -> dict[str, str]:
    """`KEY = value` of makefiles and `CONFIG_KEY="value"` of Kconfig alike; the last one counts."""
    found = {}
    for line in text.splitlines():
        if match := _ASSIGNMENT.match(line):
            found[match["key"].removeprefix("CONFIG_")] = match["value"].strip("\"'")
    return found


def named(tree: SdkTree, name: str) -> Path | None:
    """The file of a defconfig."""
    path = tree.project / tree.profile.defconfigs / name
    return path if path.is_file() else None


def names(tree: SdkTree) -> list[str]:
    """Every defconfig that this SDK has."""
    folder = tree.project / tree.profile.defconfigs
    return sorted(path.name for path in folder.glob("*_defconfig"))


def contradicts(chosen: Chosen, wanted: Path) -> str | None:
    """A line of `wanted` that `chosen` has otherwise, as `KEY is A, not B`: proof that another was chosen."""
    for key, value in assignments(wanted.read_text(encoding="utf-8", errors="replace")).items():
        if key in chosen.values and chosen.values[key] != value:
            return f"{key} is {chosen.values[key] or 'empty'}, not {value or 'empty'}"
    return None


Unchosen = Literal["proven", "possible"]


def unchosen(tree: SdkTree, lines: Iterable[str]) -> tuple[Unchosen, str] | None:
    """Whether a build failed because no defconfig was chosen, and what says so.

    Proven only where make itself missed one of the configuration's files and it is not there; where merely none
    of them is there it is possible, for another SDK may keep its choice elsewhere.
    """
    files = [tree.project / name for name in tree.profile.config_files]
    if any(path.is_file() for path in files):
        return None
    for line in lines:
        match = _MISSING.search(plain(line))
        missed = match and (match["file"] or match["target"])
        if missed and any(_is(missed, path, tree) for path in files):
            return "proven", f"make wanted {missed}, which is not there"
    known = " nor ".join(str(path.relative_to(tree.root)) for path in files)
    return "possible", f"neither {known} is there" if len(files) > 1 else f"{known} is not there"


def _is(missed: str, path: Path, tree: SdkTree) -> bool:
    """By its tail, for inside a container the SDK lies elsewhere: `project/.config`, never any `.config`."""
    tail = path.relative_to(tree.root).parts
    parts = [part for part in missed.split("/") if part not in ("", ".")]
    if len(parts) >= len(tail) and tuple(parts[-len(tail) :]) == tail:
        return True
    return not missed.startswith("/") and (tree.opendla / missed).resolve() == path.resolve()

"""Debian packages of any architecture, by an apt with a state of its own: the host's packages stay untouched.

What has been fetched once is kept below the user's cache directory and needs no network again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from board_runner.emulator.errors import EmulatorError

DebianArch = Literal["amd64", "arm64", "armhf"]
Say = Callable[[str], None]
"""Told each step that may take a while."""

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"  # apt checks the signature, so plain HTTP will do
MIRROR_VARIABLE = "DEPLOY_DEBIAN_MIRROR"
CACHE_VARIABLE = "DEPLOY_EMULATOR_CACHE"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_TRIES = 4
_TIMEOUT_S = 600.0
_TRANSIENT = (
    *("sync in progress", "Hash Sum mismatch", "unexpected size", "Temporary failure", "timed out"),
    *("Could not connect", "502  ", "503  ", "504  "),
)
_GONE = "404  Not Found"


def silent(_: str) -> None:
    """Say nothing."""


def cache_folder() -> Path:
    """Where fetched packages lie; `DEPLOY_EMULATOR_CACHE` names another place."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path("deploy") / "emulator"


@dataclass(frozen=True, kw_only=True)
class Packages:
    """The packages of one architecture, one suite, one cache folder."""

    arch: DebianArch
    say: Say = silent
    pause_s: float = 5.0  # before a mirror that is being brought up to date is asked again

    @property
    def folder(self) -> Path:
        """This architecture's part of the cache."""
        return cache_folder() / SUITE / self.arch

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that would have to be fetched."""
        return [name for name in names if self._kept(name) is None]

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """The .deb files of `names`, from the cache or the mirror. Raises EmulatorError."""
        with self._locked():
            wanted = self.missing(names)
            if wanted:
                self._update()
                self.say(f"fetching {', '.join(wanted)} ({self.arch})")
                self._download(wanted)
        found = [self._kept(name) for name in names]
        if None in found:
            raise EmulatorError(f"apt fetched no package {names[found.index(None)]} for {self.arch}")
        return [path for path in found if path is not None]

    def unpacked(self, names: Sequence[str]) -> list[Path]:
        """One folder a package with its files as they would be installed; no maintainer script has run."""
        folders = []
        for deb in self.fetch(names):
            target = self.folder / "unpacked" / deb.stem
            with self._locked():
                if not target.is_dir():
                    self.say(f"unpacking {deb.stem}")
                    _unpack(deb, target)
            folders.append(target)
        return folders

    def dependency(self, name: str) -> str:
        """The package that metapackage `name` stands for, as kernels have it; asked once, then remembered."""
        with self._locked():
            if (known := self.known_dependency(name)) is not None:
                return known
            self._update()
            said = self._apt("apt-cache", "show", "--no-all-versions", name, cwd=self.folder)
            found = re.search(r"^Depends: ([^ ,]+)", said, flags=re.MULTILINE)
            if found is None:
                raise EmulatorError(f"package {name} ({self.arch}) depends on nothing")
            self._note(name).write_text(found[1])
        return found[1]

    def with_dependencies(self, names: Sequence[str]) -> list[str]:
        """`names` and all that they need on a machine where nothing is installed; remembered as well."""
        note = self._note("+".join(names))
        with self._locked():
            if not note.is_file():
                self._update()
                words = ["-qq", "--print-uris", "--no-install-recommends", *names]
                said = self._apt("apt-get", "install", *words, cwd=self.folder)
                found = re.findall(r"^'[^']*' ([^_ ]+)_", said, flags=re.MULTILINE)
                note.write_text("\n".join(found))
            return note.read_text().split()

    def known_dependency(self, name: str) -> str | None:
        """What `dependency` remembers."""
        note = self._note(name)
        return note.read_text() if note.is_file() else None

    def _note(self, name: str) -> Path:
        return self.folder / f"{name}.stands-for"

    def _kept(self, name: str) -> Path | None:
        return next(iter(sorted((self.folder / "debs").glob(f"{name}_*.deb"))), None)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time: tests and commands may share the cache."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _update(self) -> None:
        """Fetch the index unless it is there."""
        if not KEYRING.is_file():
            raise EmulatorError(
                f"{KEYRING} is missing, so packages could not be verified",
                hint="apt-get install debian-archive-keyring",
            )
        state = self.folder / "apt"
        if any((state / "lists").glob("*_Packages*")):
            return
        for place in ("lists/partial", "archives/partial"):
            (state / place).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        mirror = os.environ.get(MIRROR_VARIABLE, MIRROR)
        (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
        self.say(f"fetching the list of packages ({self.arch})")
        self._apt("apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any", cwd=state)

    def _download(self, names: Sequence[str]) -> None:
        """Fetch the files; a mirror that has newer ones by now is asked for its list anew."""
        debs = self.folder / "debs"
        debs.mkdir(exist_ok=True)
        words = ["apt-get", "download", "-qq", *names]
        try:
            self._apt(*words, cwd=debs)
        except EmulatorError as e:
            if _GONE not in str(e):
                raise
            shutil.rmtree(self.folder / "apt" / "lists")
            self._update()
            self._apt(*words, cwd=debs)

    def _apt(self, *words: str, cwd: Path) -> str:
        """Run apt on the private state, again where a mirror is just being brought up to date."""
        if shutil.which(words[0]) is None:
            raise EmulatorError(f"{words[0]} is not installed", hint="emulated boards are built on Debian")
        for left in reversed(range(_TRIES)):
            ran = subprocess.run(
                [*words, *self._options()],
                cwd=cwd,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            if ran.returncode == 0:
                break
            if not left or not any(word in ran.stderr for word in _TRANSIENT):
                reasons = [line for line in ran.stderr.splitlines() if line.startswith("E:")]
                said = reasons[0] if reasons else ran.stderr.strip() or "no reason given"
                raise EmulatorError(
                    f"{' '.join(words[:2])} ({self.arch}): {said}", hint="is there a network?"
                )
            self.say("the mirror does not give it now; trying again")
            time.sleep(self.pause_s)
        return ran.stdout

    def _options(self) -> list[str]:
        state = self.folder / "apt"
        settings = {
            "APT::Architecture": self.arch,
            "APT::Architectures": self.arch,
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Etc::SourceList": str(state / "sources.list"),
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State": str(state),
            "Dir::State::status": str(state / "status"),
            "Dir::Cache": str(state),
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _unpack(deb: Path, target: Path) -> None:
    """All or nothing: an interrupt leaves no half of a package behind."""
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    ran = subprocess.run(["dpkg-deb", "-x", deb, part], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        deb.unlink()
        raise EmulatorError(f"{deb.name} cannot be unpacked: {ran.stderr.strip()}", hint="try again")
    part.rename(target)

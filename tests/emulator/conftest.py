"""What an emulated board needs of this machine, and a cache that all its tests share."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

import pytest

from board_runner.emulator.errors import EmulatorError
from board_runner.emulator.packages import Packages


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@functools.cache
def no_packages() -> str | None:
    """Why no Debian package can be had here."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        Packages(arch="amd64").fetch(["busybox"])
    except EmulatorError as e:
        return str(e)
    return None


@pytest.fixture(scope="session")
def packages() -> None:
    """Debian packages can be had."""
    if reason := no_packages():
        pytest.skip(reason)


@pytest.fixture
def root_user() -> None:
    """We are root."""
    if os.geteuid() != 0:
        pytest.skip("mounts and chroot need root")

"""Two labs with boards, and a project without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scheduling.labs_here import Labs, client, two_labs


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """Two labs; each test leaves a worker beside both."""
    with two_labs(tmp_path_factory.mktemp("labs")) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without boards, in whose folder commands are given; nothing is remembered of any board."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    folder = client(tmp_path / "client")
    monkeypatch.chdir(folder)
    return folder

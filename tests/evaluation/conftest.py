"""A keyword spotter so small that a thousand clips take seconds, its project, and clips for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation import words


@pytest.fixture(scope="session")
def spotter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX model of one matrix, with the contract of keyword spotting."""
    return words.write_model(tmp_path_factory.mktemp("model") / "words.onnx")


@pytest.fixture
def project(tmp_path: Path, spotter: Path) -> Path:
    """A folder with its deploy.yaml."""
    return words.write_project(tmp_path / "project", spotter)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-six noises in folders named after three words; names repeat from folder to folder."""
    return words.write_clips(tmp_path_factory.mktemp("spoken"), 36)

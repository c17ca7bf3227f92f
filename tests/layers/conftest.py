"""A project with a model of milliseconds, converted once by the stand-in tree."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from deployer import pipeline
from deployer.project import Project
from deployer.settings import config
from tests.quant import small


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three clips of noise, eight-bit convolutions."""
    root = tmp_path_factory.mktemp("layers")
    small.save(root / "small.onnx")
    (root / "clips").mkdir()
    for index, sound in enumerate(small.sounds(3)):
        with wave.open(str(root / "clips" / f"1-{index}-A-{index}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(22050)
            file.writeframes((sound["images"].reshape(-1) * 32767).astype(np.int16).tobytes())
    text = "model: {onnx: small.onnx}\naudio: {clips: clips}\ntoolchain: {conv_input_format: ALL_UINT8}\n"
    (root / "deploy.yaml").write_text(text, encoding="utf-8")
    made = Project(config.load(root / "deploy.yaml"))
    pipeline.convert(made)
    return made


@pytest.fixture(scope="session")
def converted(project: Project) -> Path:
    """The folder of the converted model."""
    return project.artifacts_dir

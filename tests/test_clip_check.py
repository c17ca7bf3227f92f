"""The check of the clips that is remembered, and when it is not."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_runner import audio
from board_runner.errors import InputError
from deployer import resources
from deployer.project import Project
from deployer.running import clip_check
from deployer.settings import config


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two of the shipped clips."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "clips").mkdir()
    for clip in sorted((resources.data_dir() / "clips").glob("*.wav"))[:2]:
        shutil.copy(clip, tmp_path / "clips")
    (tmp_path / "deploy.yaml").write_text("audio: {clips: clips}\n")
    return Project(config.load(tmp_path / "deploy.yaml"))


def test_a_clip_that_changes_is_read_again(project: Project) -> None:
    """What was fine yesterday and is no wav today is refused, and refused again."""
    clip_check.check(project)
    clip_check.check(project)
    project.clips[0].write_bytes(b"no wav at all")
    for _ in range(2):
        again = Project(project.deployment)
        with pytest.raises(InputError, match=project.clips[0].name):
            clip_check.check(again)


def test_a_new_clip_is_read(project: Project) -> None:
    """A clip that is added later is no exception."""
    clip_check.check(project)
    (project.clips_dir / "new.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"new\.wav"):
        clip_check.check(Project(project.deployment))


@given(st.integers(0, 60), st.binary(min_size=1, max_size=4), st.integers(0, 80))
def test_a_header_that_is_plain_is_one_the_program_takes(at: int, damage: bytes, cut: int) -> None:
    """Whatever is damaged in a clip: what is let through by its header is what the board program reads."""
    clip = sorted((resources.data_dir() / "clips").glob("*.wav"))[0]
    whole = bytearray(clip.read_bytes())
    rate_hz = audio.read_wav(clip).sample_rate_hz
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        path.write_bytes(whole)
        assert clip_check.is_plain(path, rate_hz) and not clip_check.is_plain(path, rate_hz + 1)
        whole[at : at + len(damage)] = damage
        path.write_bytes(whole[: len(whole) - cut])
        if clip_check.is_plain(path, rate_hz):
            assert audio.require(audio.read_wav(path), rate_hz).size > 0

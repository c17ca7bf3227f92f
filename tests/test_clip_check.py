"""The check of the clips that is remembered, and when it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from board_runner.errors import InputError
from deployer import clip_check, config, resources
from deployer.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with two of the shipped clips."""
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

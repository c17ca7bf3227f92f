"""`deploy toolchain standin`: what it prints is a deploy.yaml that works."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deployer import config, pipeline
from deployer.cli.toolchain import command
from deployer.project import Project


@pytest.mark.parametrize("seed", [0, 11])
def test_the_printed_settings_drive_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """As published, and as it might be: pasted into deploy.yaml, `deploy convert` works with it."""
    monkeypatch.setenv("LEVEL", "L1")
    ran = CliRunner().invoke(command, ["standin", str(tmp_path / "release"), "--seed", str(seed)])
    assert 0 == ran.exit_code, ran.output
    (tmp_path / "deploy.yaml").write_text(ran.stdout)

    made = pipeline.convert(Project(config.load(tmp_path / "deploy.yaml")))

    assert str(tmp_path / "release") in made.manifest.made_by
    assert made.image.stat().st_size > 1 << 20

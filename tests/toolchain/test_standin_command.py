"""`deploy toolchain standin`: what it prints is a deploy.yaml that works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deployer import cli, pipeline
from deployer.cli.toolchain import command
from deployer.project import Project
from deployer.settings import config
from toolchain_wrappers import standin


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


def test_the_trees_own_cfg_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`toolchain.cfg`: used with its chip and its ini; one of another chip is refused."""
    monkeypatch.setenv("LEVEL", "L1")
    made = standin.make(tmp_path / "release")
    cfg = made.models_dir / "config" / "sed_eat.cfg"
    section = {"models_dir": str(made.models_dir), "tools_dir": str(made.tools_dir), "cfg": str(cfg)}
    for chip in ("pcupid", "maruko"):
        (tmp_path / f"{chip}.yaml").write_text(json.dumps({"chip": chip, "toolchain": section}))

    assert 0 == cli.execute(["convert", "-q", "--config", str(tmp_path / "pcupid.yaml")])
    rendered = (made.models_dir / "config" / "deploy_sed_eat.cfg").read_text()
    assert (
        "CHIP_LIST=pcupid              # must equal the chip" in rendered
        and "Model_LIST=deploy_eat" in rendered
    )
    assert "dequantizations=FALSE" in (made.models_dir / "sed/eat/deploy_input_config.ini").read_text()
    assert 3 == cli.execute(["convert", "-q", "--config", str(tmp_path / "maruko.yaml")])

"""`deploy build`, `deploy sdk standin`, and what `sdk:` in deploy.yaml means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from board_runner.errors import DeployError
from deployer import on_board
from deployer.building import configured, elf
from deployer.cli import cli
from deployer.errors import ConfigError
from deployer.project import Project
from deployer.settings import config
from deployer.support import doctor
from tests.building.compilers import needs_compilers
from tests.building.conftest import Sdk
from toolchain_wrappers.standin import sdk


def _project(folder: Path, **section: object) -> Path:
    path = folder / "deploy.yaml"
    path.write_text(yaml.safe_dump({"sdk": section}))
    return path


def _run(*words: str | Path) -> str:
    ran = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert 0 == ran.exit_code, ran.output
    return ran.stdout


@needs_compilers
def test_build_prints_paths_and_json_the_whole_story(small: Sdk, tmp_path: Path) -> None:
    """Both programs by default; a second time nothing is fresh, and the manifest says from what they are."""
    path = _project(tmp_path, dir=str(small.root))
    paths = [Path(line) for line in _run("build", "--config", path).splitlines()]
    assert ["prog_sed_eat", "prog_dla_dla_simulator"] == [path.name for path in paths]
    said = json.loads(_run("build", "--config", path, "--json"))
    assert [str(path) for path in paths] == [each["path"] for each in said]
    assert [False, False] == [each["fresh"] for each in said]
    assert "pcupid" == said[0]["chip"]
    assert "64-bit aarch64" == said[0]["settings"]["machine"]
    assert said[0]["outputs"].keys() == {"prog_sed_eat", "build.log"}


@needs_compilers
def test_a_dry_run_says_the_commands_and_changes_nothing(small: Sdk, tmp_path: Path) -> None:
    """As one would type them, `source/` before the target or not."""
    path = _project(tmp_path, dir=str(small.root), jobs=3)
    said = _run("build", "--config", path, "--dry-run", "source/sed/eat")
    assert f"cd {small.tree.opendla}\nmake source/sed/eat -j3\n" == said
    assert not small.tree.out.exists()
    cleaned = json.loads(_run("build", "--config", path, "--dry-run", "--json", "--clean", "-j8"))[
        "would_run"
    ]
    assert [
        "# make clean: asked for",
        f"cd {small.tree.opendla}",
        "make clean",
        "make source/sed/eat -j8",
    ] == cleaned["prog_sed_eat"]
    assert "make clean" not in cleaned["prog_dla_dla_simulator"]


@needs_compilers
def test_doctor_says_what_the_sdk_builds_with(small: Sdk, tmp_path: Path) -> None:
    """The compiler with its version; without a defconfig, what to do; without `sdk:` it is not needed."""
    path = _project(tmp_path, dir=str(small.root))

    def finding() -> doctor.Finding:
        return next(each for each in doctor.examine(Project(config.load(path))) if each.name == "sdk")

    assert doctor.State.OK == finding().state
    assert "aarch64-linux-gnu-gcc" in finding().what
    small.write(None)
    assert doctor.State.WARN == finding().state
    assert "_defconfig" in finding().cure
    path.write_text("version: 1\n")
    assert doctor.State.UNUSED == finding().state


@needs_compilers
def test_what_the_sdk_builds_is_pushed(small: Sdk, tmp_path: Path) -> None:
    """With `sdk:` in deploy.yaml; a ready `program:` goes before it, and without either it is our Python one."""
    path = _project(tmp_path, dir=str(small.root))
    built = on_board.built_program(Project(config.load(path)))
    assert "aarch64" == elf.inspect(built).header.machine

    ready = tmp_path / "prog_sed_eat"
    ready.write_bytes(b"the vendor's")
    path.write_text(yaml.safe_dump({"sdk": {"dir": str(small.root)}, "program": str(ready)}))
    assert ready == on_board.built_program(Project(config.load(path)))

    path.write_text("version: 1\nsdk:\n")
    assert not elf.is_elf(on_board.built_program(Project(config.load(path))))


def test_the_built_in_stand_in_serves_where_no_sdk_is_named(tmp_path: Path) -> None:
    """For aarch64, or for what `sdk.aarch` says; anything else is refused with what there is."""
    for section, arch in (({}, "aarch64"), ({"aarch": "arm"}, "arm")):
        project = Project(config.load(_project(tmp_path, jobs=1, **section)))
        jobs = configured.jobs(project)
        assert ["prog_sed_eat", "prog_dla_dla_simulator"] == [job.name for job in jobs]
        chosen = (jobs[0].tree.project / sdk.SdkVariant().config_file).read_text()
        assert f"AARCH = {arch}\n" in chosen
    with pytest.raises(ConfigError, match="no 'riscv'") as refused:
        configured.jobs(Project(config.load(_project(tmp_path, aarch="riscv"))))
    assert "aarch64 and arm" in refused.value.hint


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"runtime": "podman"}, "sdk.runtime is podman, but no image is named"),
        ({"runtime": "podman", "image": "x", "mounts": ["nowhere"]}, "sdk.mounts: 'nowhere'"),
        ({"profile": {"opendle": "x"}}, "opendle"),
        ({"jobs": 0}, "sdk.jobs"),
        ({"defconfg": "x"}, "unknown key 'sdk.defconfg'"),
    ],
)
def test_a_wrong_sdk_section_is_named_by_its_key(
    tmp_path: Path, section: dict[str, object], complaint: str
) -> None:
    """Before anything is started."""
    with pytest.raises(DeployError) as refused:
        configured.jobs(Project(config.load(_project(tmp_path, **section))))
    assert complaint in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("seed", range(4))
def test_sdk_standin_writes_a_tree_and_the_lines_for_deploy_yaml(seed: int, tmp_path: Path) -> None:
    """The lines lead to a build; of a tree without a defconfig the names to choose from are said."""
    said = json.loads(
        _run("sdk", "standin", tmp_path / "sdk", "--seed", str(seed), "--arch", "arm", "--json")
    )
    jobs = configured.jobs(Project(config.load(_project(tmp_path, **said["sdk"]))))
    assert [] == jobs[0].tree.missing()
    assert jobs[0].defconfig in said["defconfigs"]
    bare = _run("sdk", "standin", tmp_path / "bare", "--arch", "none")
    assert all(name in bare for name in said["defconfigs"])
    assert "defconfig:" not in bare

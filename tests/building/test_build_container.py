"""`deploy build` in a real container: an SDK may build only in its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from deployer import build
from deployer.building import configured
from deployer.events import ignore
from deployer.project import Project
from deployer.settings import config
from tests.building.compilers import needs_compilers
from tests.building.conftest import NATIVE, Sdk
from tests.toolchain.containers import limits, make_rootfs, needs_podman
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.standin import sdk

pytestmark = [needs_podman, needs_compilers]

INSIDE = "/work/sdk"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An SDK that the container sees elsewhere than the host."""
    monkeypatch.setenv("CONTAINERS_CONF", str(limits(tmp_path)))
    sdk.make(tmp_path / "inside", native=NATIVE)
    path = tmp_path / "deploy.yaml"
    section = {
        "dir": "inside",
        "runtime": "podman",
        "rootfs": str(make_rootfs(tmp_path)),
        "mounts": ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro", f"inside:{INSIDE}"],
    }
    path.write_text(yaml.safe_dump({"sdk": section}))
    return Project(config.load(path))


def test_a_container_builds_the_program_of_the_host(project: Project, small: Sdk) -> None:
    """The same compiler on both sides makes the same bytes; a second time none is started to compile."""
    job = configured.jobs(project)[0]
    built = build.build(job, emit=ignore)
    assert small.build().path.read_bytes() == built.path.read_bytes()
    assert "aarch64-linux-gnu" in built.artifacts.manifest.settings["compiler"]
    assert not build.build(job, emit=ignore).fresh
    listed = subprocess.run(
        ["podman", "ps", "--all", "--format", "json"], capture_output=True, check=True, timeout=60
    )
    names = [each["Names"][0] for each in json.loads(listed.stdout or b"[]")]
    assert not [name for name in names if name.startswith("deploy-")]


def test_no_defconfig_is_proven_by_the_containers_path_too(project: Project, tmp_path: Path) -> None:
    """Make names the file by where the container sees it."""
    sdk.make(tmp_path / "inside", arch=None, native=NATIVE)
    with pytest.raises(ToolchainError, match="no defconfig was chosen") as refused:
        build.build(configured.jobs(project)[0], emit=ignore)
    assert INSIDE in str(refused.value)
    assert "ended with exit status 2" in str(refused.value)

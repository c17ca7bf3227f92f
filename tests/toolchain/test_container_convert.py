"""`deploy convert` in a real container: the bytes of the host, and nothing left behind at Ctrl-C."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from deployer import artifacts, config, pipeline
from deployer.project import Project
from tests.toolchain.containers import limits, make_rootfs, needs_podman, python_folders
from toolchain_wrappers import standin

INTERRUPTS = int(os.environ.get("DEPLOY_INTERRUPTS", "3"))
"""How many random moments; the long form takes ten or more."""


def _project(folder: Path, runtime: str) -> Path:
    made = standin.make(folder / "release")
    section: dict[str, object] = {
        "runtime": runtime,
        "models_dir": str(made.models_dir),
        "tools_dir": str(made.tools_dir),
    }
    if runtime == "podman":
        section |= {
            "rootfs": str(make_rootfs(folder)),
            "mounts": [f"{path}:{path}:ro" for path in python_folders()],
            "options": ["--env", "LEVEL=L1"],
        }
    path = folder / "deploy.yaml"
    path.write_text(yaml.safe_dump({"toolchain": section}))
    return path


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that fit this machine, and the quick level on both sides."""
    monkeypatch.setenv("CONTAINERS_CONF", str(limits(tmp_path)))
    monkeypatch.setenv("LEVEL", "L1")


def _containers() -> list[str]:
    listed = subprocess.run(
        ["podman", "ps", "--all", "--format", "json"], capture_output=True, text=True, check=True, timeout=60
    )
    return [each["Names"][0] for each in json.loads(listed.stdout or "[]")]


@needs_podman
@pytest.mark.usefixtures("engine")
def test_a_container_makes_the_bytes_of_the_host(tmp_path: Path) -> None:
    """The same tree, clips and wheels on both sides: float, fixed and image are the same files."""
    made = {}
    for runtime in ("host", "podman"):
        (tmp_path / runtime).mkdir()
        project = Project(config.load(_project(tmp_path / runtime, runtime)))
        made[runtime] = pipeline.convert(project).manifest.outputs

    for name in (artifacts.FLOAT, artifacts.FIXED, artifacts.IMAGE):
        assert made["host"][name] == made["podman"][name]
    assert not [name for name in _containers() if name.startswith("deploy-")]


@needs_podman
@pytest.mark.usefixtures("engine")
def test_ctrl_c_leaves_no_container_and_no_half_artefact(tmp_path: Path) -> None:
    """At random moments of a conversion; the next run works."""
    path = _project(tmp_path, "podman")
    command = [sys.executable, "-m", "deployer", "convert", "--force", "--config", str(path)]
    seed = int(os.environ.get("DEPLOY_SEED", "7"))
    rng = random.Random(seed)
    for _ in range(INTERRUPTS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            time.sleep(rng.uniform(0.3, 4.0))
            running.send_signal(signal.SIGINT)
            said, _ = running.communicate(timeout=60)
        # Interrupted while a module is imported, CPython 3.11 may end by the signal itself: 130 to a shell.
        assert running.returncode in (0, 130, -signal.SIGINT), said.decode()
        assert not [name for name in _containers() if name.startswith("deploy-")], f"seed {seed}"
        folder = Project(config.load(path)).artifacts_dir
        if folder.exists():
            assert artifacts.load(folder).image.stat().st_size > 0

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    assert artifacts.load(Project(config.load(path)).artifacts_dir).image.stat().st_size > 0

"""Convert and compare in a real container: the bytes of the host, and nothing left behind at Ctrl-C."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from deployer import artifacts, pipeline
from deployer.board.config import BoardConfig
from deployer.comparison.compare_sim import Request
from deployer.events import ignore
from deployer.layers import between
from deployer.layers.between import LayerRequest
from deployer.project import Project
from deployer.settings import config
from tests.toolchain.containers import limits, make_rootfs, needs_podman, python_folders
from toolchain_wrappers import standin

INTERRUPTS = int(os.environ.get("DEPLOY_INTERRUPTS", "3"))
"""How many random moments; the long form takes ten or more."""

STAGES = ("float", "fixed", "offline")


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


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Limits that fit this machine, and the quick level on both sides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(limits(tmp_path_factory.mktemp("limits"))))
        patch.setenv("LEVEL", "L1")
        yield


@pytest.fixture(scope="module")
def converted(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Project]:
    """One project on the host and one in a container, each converted there."""
    made = {}
    for runtime in ("host", "podman"):
        made[runtime] = Project(config.load(_project(tmp_path_factory.mktemp(runtime), runtime)))
        pipeline.convert(made[runtime])
    return made


def _no_board() -> BoardConfig:
    raise AssertionError("no stage of these is on a board")


def _containers() -> list[str]:
    listed = subprocess.run(
        ["podman", "ps", "--all", "--format", "json"], capture_output=True, text=True, check=True, timeout=60
    )
    return [each["Names"][0] for each in json.loads(listed.stdout or "[]")]


@needs_podman
def test_a_container_makes_the_bytes_of_the_host(converted: Mapping[str, Project]) -> None:
    """The same tree, clips and wheels on both sides: float, fixed and image are the same files."""
    made = {name: pipeline.converted(project).manifest.outputs for name, project in converted.items()}

    for name in (artifacts.FLOAT, artifacts.FIXED, artifacts.IMAGE):
        assert made["host"][name] == made["podman"][name]
    assert not [name for name in _containers() if name.startswith("deploy-")]


@needs_podman
def test_the_simulators_in_a_container_give_the_bytes_of_the_host(
    converted: Mapping[str, Project], tmp_path: Path
) -> None:
    """`compare-sim float fixed offline`: a simulator a stage; the very same tensors on both sides."""
    for name, project in converted.items():
        request = Request(stages=STAGES, clips=tuple(project.clips[:2]), jobs=1, save=tmp_path / name)
        done = pipeline.compare(project, request, config=_no_board, emit=ignore)
        assert 2 == len(done.stages[0].outputs)
        assert not list(project.toolchain.tree.algorithm_dir.glob("deploy-simulate-*"))

    for stage in STAGES:
        files = sorted((tmp_path / "host" / stage).rglob("*.npz"))
        assert files, stage
        for file in files:
            assert (
                file.read_bytes() == (tmp_path / "podman" / file.relative_to(tmp_path / "host")).read_bytes()
            )
    assert not [name for name in _containers() if name.startswith("deploy-")]


@needs_podman
def test_layers_dumped_in_a_container_are_those_of_the_host(
    converted: Mapping[str, Project], tmp_path: Path
) -> None:
    """`--layers`: DebugConfig.txt names a folder as the container sees it, and every tensor comes back."""
    seen = {}
    for name, project in converted.items():
        request = LayerRequest(reference="float", candidate="fixed", keep=tmp_path / name)
        seen[name] = between.run(project, between.plan(project, request))
        assert not list(project.toolchain.tree.algorithm_dir.glob("deploy-layers-*"))

    assert seen["host"].rows == seen["podman"].rows and len(seen["host"].rows) > 100


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
        assert [] == list(folder.parent.glob(".*"))
        if folder.exists():
            assert artifacts.load(folder).image.stat().st_size > 0

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stderr
    assert artifacts.load(Project(config.load(path)).artifacts_dir).image.stat().st_size > 0

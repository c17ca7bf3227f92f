"""The main job as its commands, on an emulated board: convert, build, push, run, bench, compare-sim."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from board_runner.emulator.machine import BoardArch
from deployer import cli, resources
from tests.emulator.conftest import COMPILERS, Boards

RUN_LIMIT_S = 200.0
CLIP = min((resources.data_dir() / "clips").glob("*.wav"))
LONG = pytest.mark.skipif("DEPLOY_SOAK" not in os.environ, reason="two minutes: DEPLOY_SOAK=1 runs it")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a deploy.yaml for one emulated board, and one clip."""

    root: Path
    arch: BoardArch


@pytest.fixture(scope="module", params=["aarch64", pytest.param("arm", marks=LONG)])
def project(
    request: pytest.FixtureRequest, emulated_boards: Boards, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """A project of its own, converted and built by the stand-ins."""
    arch: BoardArch = request.param
    if shutil.which(COMPILERS[arch]) is None or shutil.which("make") is None:
        pytest.skip(f"{COMPILERS[arch]} or make is not installed")
    root = tmp_path_factory.mktemp(f"chain-{arch}")
    (root / "clips").mkdir()
    shutil.copy(CLIP, root / "clips")
    board = emulated_boards(arch)
    settings = {
        "version": 1,
        "boards": {"emulated": {"host": board.host, "port": board.port, "host_key": "off"}},
        "sdk": {"aarch": arch},
        "audio": {"clips": str(root / "clips")},
        "bench": {"runs": 1, "timeout_s": RUN_LIMIT_S},
    }
    (root / "deploy.yaml").write_text(yaml.safe_dump(settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DEPLOY_STATE_DIR", str(root / "state"))
        assert 0 == cli.execute(["convert", "-q"])
        assert 0 == cli.execute(["build", "-q"])
    yield Project(root=root, arch=arch)


@pytest.fixture(autouse=True)
def _in_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert 0 == cli.execute([*words, "--json", "-q"])
    return json.loads(capsys.readouterr().out)


def test_the_board_gets_machine_code_of_its_own_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """Pushed, then pushed again with nothing sent; one clip by name, then the bench: each time the same class."""
    first = _json(capsys, "push")
    again = _json(capsys, "push")
    ran = _json(capsys, "run", CLIP.name)
    bench = _json(capsys, "bench")

    assert {"prog_sed_eat", "models/eat.img"} <= {*first["sent"], *first["unchanged"]}
    assert [] == again["sent"]
    warm_up, sample = bench["record"]["samples"]
    assert (True, False) == (warm_up["warm_up"], sample["warm_up"])
    assert (ran["class_id"], 1) == (sample["class_id"], bench["summary"]["judged"])
    assert sample["invoke_ms"] > 0


def test_the_board_stage_is_bit_exact(capsys: pytest.CaptureFixture[str]) -> None:
    """`compare-sim offline board`: the tensors pulled back from ARM code are the offline engine's."""
    result = _json(capsys, "compare-sim", "offline", "board")

    (row,) = result["comparisons"]
    assert (False, 1.0) == (row["class_ids_only"], row["top1_agreement"])
    assert row["max_abs"] <= 1e-6
    assert "bit-exact: All outputs XOR is the host's on 1 of 1 clips" in result["stages"][1]["detail"]

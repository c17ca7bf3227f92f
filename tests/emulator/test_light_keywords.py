"""Keyword spotting on ARM boards by the C program: converted, pushed, benched; the board says what offline says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from board_runner.contract import Array
from board_runner.emulator.machine import BoardArch
from board_runner.emulator.packages import DebianArch
from board_runner.emulator.roots import build_root
from board_runner.integer.engine import OfflineEngine
from board_runner.models import kws
from deployer import cli
from tests.emulator.conftest import COMPILERS, served
from tests.kws.conftest import random_network
from tests.native import scorers
from tests.native.build import make
from tests.native.features import clips
from toolchain_wrappers import standin

pytestmark = pytest.mark.torch

LONG = pytest.mark.skipif("DEPLOY_SOAK" not in os.environ, reason="half a minute: DEPLOY_SOAK=1 runs it")
KINDS: dict[str, tuple[DebianArch, BoardArch]] = {"aarch64": ("arm64", "aarch64"), "armhf": ("armhf", "arm")}


@pytest.fixture(scope="module")
def project(arm_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A converted DS-CNN-S of random weights, three shipped clips and other sounds; the current directory."""
    for tool in ("torch", "onnxsim"):
        pytest.importorskip(tool, reason=f"{tool} is not installed")
    import torch

    root = tmp_path_factory.mktemp("keywords")
    for folder in ("trained", "clips"):
        (root / folder).mkdir()
    (root / "trained" / "args.yml").write_text("model_size_info: DS-CNN-S\n", encoding="utf-8")
    state = {"model_dict": random_network("DS-CNN-S").state_dict()}
    torch.save(state, root / "trained" / "chkpnt.pt")
    clips(root / "clips", kws.contract(), count=3)  # three MiB is all that the board has
    tree = standin.make(root / "tools")
    settings = {
        "model": {"name": "kws", "checkpoint": "trained"},
        "audio": {"clips": "clips"},
        "toolchain": {"models_dir": str(tree.models_dir), "tools_dir": str(tree.tools_dir)},
        "bench": {"runs": 1},
    }
    (root / "deploy.yaml").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DEPLOY_STATE_DIR", str(root / "state"))
        for words in (["export"], ["convert"]):
            assert cli.execute([*words, "-q"]) == 0
        yield root


def _levels(root: Path) -> dict[str, Array]:
    """Clip -> the offline engine's logits, from Python's features."""
    (image,) = (root / ".deploy" / "artifacts").rglob("*.img")
    engine, contract = OfflineEngine.load(image), kws.contract()
    (spec,) = engine.inputs
    made = {path.name: scorers.features(path, contract) for path in (root / "clips").iterdir()}
    return {name: engine.run({spec.name: x.reshape(spec.shape)})["logits"] for name, x in made.items()}


@pytest.mark.parametrize("kind", ["aarch64", pytest.param("armhf", marks=LONG)])
def test_arm_code_spots_the_keywords_that_offline_spots(
    kind: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """push and bench with the cross-built program: from wav to class id, every clip."""
    packages, arch = KINDS[kind]
    if shutil.which(COMPILERS[arch]) is None or shutil.which("make") is None:
        pytest.skip(f"{COMPILERS[arch]} or make is not installed")
    built = tmp_path / "built"
    make(built, f"{built}/prog_sed_eat", f"CC={COMPILERS[arch]}", "CFLAGS=-O1")  # the same bits, sooner
    settings = json.loads((project / "deploy.yaml").read_text(encoding="utf-8"))
    with served(build_root(tmp_path / "board", packages)) as board:
        settings["boards"] = {"light": {"host": board.host, "port": board.port, "host_key": "off"}}
        settings["program"] = str(built / "prog_sed_eat")
        (project / f"{kind}.yaml").write_text(json.dumps(settings), encoding="utf-8")
        pushed = _json(capsys, "push", "--config", f"{kind}.yaml")
        benched = _json(capsys, "bench", "--config", f"{kind}.yaml")

    assert {"prog_sed_kws", "models/kws.img"} <= {*pushed["sent"], *pushed["unchanged"]}
    assert [] == benched["record"]["failures"]
    said = {s["clip"]: s["class_id"] for s in benched["record"]["samples"] if not s["warm_up"]}
    assert said == {name: int(logits.argmax()) for name, logits in _levels(project).items()}


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert cli.execute([*words, "--json", "-q"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)

"""A vendor's files are opaque: any bytes as eat.img go through convert, push, bench and report."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer import artifacts, cli, demo, resources
from toolchain_wrappers import standin

PROGRAM = """\
#!/bin/sh
echo "inputs: $2"
echo "model path: $4"
echo "threshold: 0.500000"
echo "found 1 images!"
echo "the input image: ./$2"
echo "model invoke time: 57.121000 ms"
echo "post process time: 0.181000 ms"
echo "class id: 32"
"""
"""A board program of the user's own, which never looks into the model."""

OPAQUE = """\
for f in eat_float.sim eat_fixed.sim eat.img; do
  head -c 4096 /dev/urandom > "$8/$f"
done
"""
"""Stands for tools whose files nobody here can read."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A project with a board, a program of its own, one clip, and tools that write random bytes."""
    with demo.project(tmp_path / "project", runs=1) as deployment:
        made = standin.make(tmp_path / "release")
        (made.models_dir / "sed" / "eat" / "convert.sh").write_text(OPAQUE)
        clips = deployment.root / "clips"
        clips.mkdir()
        shutil.copy(sorted((resources.data_dir() / "clips").glob("*.wav"))[0], clips)
        (deployment.root / "prog_sed_eat").write_text(PROGRAM)
        settings = {
            **yaml.safe_load((deployment.root / "deploy.yaml").read_text(encoding="utf-8")),
            "program": "prog_sed_eat",
            "audio": {"clips": "clips"},
            "toolchain": {"models_dir": str(made.models_dir), "tools_dir": str(made.tools_dir)},
        }
        _write(deployment.root, settings)
        yield deployment.root


def _write(folder: Path, settings: Mapping[str, Any]) -> None:
    (folder / "own.yaml").write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")


def _with_image(folder: Path, image: Path) -> None:
    settings = yaml.safe_load((folder / "own.yaml").read_text(encoding="utf-8"))
    _write(folder, {**settings, "model": {"image": str(image)}})


def _run(folder: Path, *words: str) -> int:
    return cli.execute([*words, "-q", "--config", str(folder / "own.yaml")])


def _report(folder: Path, capsys: pytest.CaptureFixture[str]) -> Mapping[str, Any]:
    capsys.readouterr()
    assert 0 == _run(folder, "report", "--json")
    found: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_any_bytes_go_the_whole_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Converted, pushed, run and reported unread; chip and input come from the manifest, the rest is unverified."""
    for words in (["convert"], ["push"], ["bench", "--runs", "1"]):
        assert 0 == _run(folder, *words), capsys.readouterr().err

    made = artifacts.load(next((folder / ".deploy" / "artifacts").glob("*/manifest.json")).parent)
    on_board = folder / "board" / "customer" / "deploy" / "current" / "models" / "eat.img"
    assert 4096 == on_board.stat().st_size and on_board.read_bytes() == made.image.read_bytes()
    assert "unverified" == made.manifest.settings["image_says"]
    report = _report(folder, capsys)
    assert report["record"]["sha256"]["models/eat.img"] == artifacts.sha256(made.image)
    assert report["summary"]["invoke"]["median_ms"] == 57.121
    assert "pcupid (manifest)" == report["record"]["settings"]["image_chip"]
    assert "images [1, 1, 114688] float32 (manifest)" == report["record"]["settings"]["image_input"]


def test_a_ready_made_image_that_nobody_knows_is_unverified_and_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither manifest, nor header, nor path, nor the vendor's tool says anything: said so, never refused."""
    (folder / "mine.img").write_bytes(os.urandom(5000))
    _with_image(folder, folder / "mine.img")

    assert 0 == _run(folder, "bench", "--runs", "1"), capsys.readouterr().err
    settings = _report(folder, capsys)["record"]["settings"]
    assert ("unverified", "unverified") == (settings["image_chip"], settings["image_input"])


def test_the_path_of_an_sdk_tells_the_chip(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An image that lies among maruko's is not sent to a pcupid board; one of its own is."""
    for chip, code in (("maruko", 2), ("pcupid", 0)):
        place = folder / "project" / "board" / chip / "dla_file" / "ipu_open_models"
        place.mkdir(parents=True)
        (place / "eat.img").write_bytes(os.urandom(5000))
        _with_image(folder, place / "eat.img")
        assert code == _run(folder, "push"), capsys.readouterr().err
    assert "for maruko" in capsys.readouterr().err

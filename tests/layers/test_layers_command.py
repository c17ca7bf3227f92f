"""`deploy compare-sim REF CAND --layers`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer import cli
from deployer.cli import layers
from deployer.layers import vendor_text
from deployer.project import Project


def _deploy(project: Project, *words: str) -> int:
    config = project.deployment.root / "deploy.yaml"
    return cli.execute(["compare-sim", *words, "--layers", "-q", "--config", str(config)])


def test_the_table_names_the_worst_first_and_the_jump(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every column, the count of suspicious layers, and what computed each side."""
    assert _deploy(project, "float", "fixed") == 0

    text = capsys.readouterr().out
    for word in ("layer", "cosine", "RMSE", "SQNR dB", "single dB", "mark", "suspicious", "jump"):
        assert word in text
    assert "fixed: simulator.py on eat_fixed.sim" in text
    levels = [float(line.split()[5]) for line in text.splitlines() if line.split()[2:3] == ["conv8"]]
    assert 5 == len(levels)
    assert sorted(levels) == levels


def test_json_holds_everything(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows as executed, both errors, the disk, and the same report in the folder asked for."""
    out = tmp_path / "out"
    assert _deploy(project, "float", "fixed", "--json", "--layer-clips", "2", "--layers-out", str(out)) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["layers"] == json.loads((out / "layers.json").read_text())
    assert 2 == len(data["layers"]["clips"])
    assert ["images", "c1"] == [row["name"] for row in data["layers"]["rows"]][:2]
    assert all(row["single"]["cosine"] > 0.9 for row in data["layers"]["rows"])
    assert all(need["enough"] for need in data["disk"])
    assert {"layers.json", "layers.svg", "layers.txt"} == {path.name for path in out.iterdir()}


def test_a_dry_run_says_what_disk_is_needed_and_writes_nothing(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dumps of one clip at a time, kept tensors of all."""
    keep = tmp_path / "kept"
    words = ("--dry-run", "--keep-tensors", str(keep), "--layer-clips", "3")
    assert _deploy(project, "float", "fixed", *words) == 0

    text = capsys.readouterr().out
    assert "2 dumps of 10 layers, one clip at a time" in text
    assert "3 tensors of 10 layers of 3 clips" in text
    assert not keep.exists()


def test_clips_of_ones_own_are_taken(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """`--clips` goes with `--layers`."""
    clip = project.clips[1]
    assert _deploy(project, "onnx", "float", "--clips", str(clip)) == 0

    assert f"float against onnx by layers, {clip.name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("float", "fixed", "offline"), "compares two stages, got 3"),
        (("float", "board"), "compare with `fixed`"),
        (("float", "fixed", "--layer-clips", "9"), "there are 3 clips"),
    ],
)
def test_what_cannot_be_compared_is_told_before_anything_runs(
    project: Project, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and the cure."""
    assert _deploy(project, *words) == 2

    assert message in capsys.readouterr().err


def test_options_for_layers_alone_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """They would do nothing without --layers."""
    assert cli.execute(["compare-sim", "float", "fixed", "--all-layers"]) == 2

    assert "add --layers" in capsys.readouterr().err


def test_a_long_name_keeps_both_ends() -> None:
    """Layers of a network differ at either."""
    name = "/encoder/" + "x" * 80 + "/Conv_output_0"

    short = layers.shortened(name)

    assert 48 == len(short)
    assert short.startswith("/encoder/x")
    assert short.endswith("x/Conv_output_0")
    assert "short" == layers.shortened("short")


def test_a_vendors_comparison_is_shown_in_the_same_table(capsys: pytest.CaptureFixture[str]) -> None:
    """What its text does not say stays empty."""
    text = (Path(__file__).parent / "lines" / "resnet18_fixed.txt").read_text()

    layers.show(vendor_text.report(text, source="resnet18.txt"), order="accumulated", every=True)

    shown = capsys.readouterr().out
    assert "res5b_branch2a_xx_xx_xx" in shown
    assert "accumulated errors only" in shown
    assert "0 of 27 layers are suspicious" in shown

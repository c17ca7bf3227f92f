"""The main job: the commands a user types, on the shipped model and clips, against the simulated board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer import cli, demo, resources
from deployer.config import Deployment


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A demo project, converted once, with its board running."""
    with demo.project(tmp_path_factory.mktemp("main-job"), runs=1) as deployment:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(deployment.root)
            assert 0 == cli.execute(["convert", "-q"])
        yield deployment


@pytest.fixture(autouse=True)
def _in_project(project: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)


def _json(capsys: pytest.CaptureFixture[str], words: list[str], *, code: int = 0) -> object:
    capsys.readouterr()
    assert code == cli.execute([*words, "--json", "-q"])
    return json.loads(capsys.readouterr().out)


def test_converting_again_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    """The same inputs are not converted twice."""
    assert 0 == cli.execute(["convert"])

    assert "current" in capsys.readouterr().err


def test_a_second_push_sends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What the board has stays where it is; --dry-run says so beforehand."""
    first = _json(capsys, ["push"])
    dry = _json(capsys, ["push", "--dry-run"])
    second = _json(capsys, ["push"])

    assert isinstance(first, dict) and isinstance(dry, dict) and isinstance(second, dict)
    assert "models/eat.img" in [*first["sent"], *first["unchanged"]]
    assert [] == dry["sent"] == second["sent"]


def test_the_bench_measures_every_clip_and_the_report_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten clips, ten class ids, times above zero, accuracy from the file names."""
    result = _json(capsys, ["bench", "--runs", "1"])

    assert isinstance(result, dict)
    samples = result["record"]["samples"]
    assert 10 == len(samples)
    assert all(
        s["invoke_ms"] > 0 and s["wall_ms"] > s["invoke_ms"] and s["first_in_process"] for s in samples
    )
    assert 10 == result["summary"]["judged"]
    assert result["summary"]["accuracy"] >= 0.7
    assert 0 == cli.execute(["report"])
    page = capsys.readouterr().out
    assert all(s["clip"] in page for s in samples)


def test_an_accuracy_out_of_reach_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """A limit is an exit code that a script can use; eight of the ten shipped clips are known to be right."""
    assert 1 == cli.execute(["bench", "--runs", "1", "--min-accuracy", "1.0", "-q"])

    assert "asked for 100%" in capsys.readouterr().err


def test_float_fixed_and_offline_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """fixed and offline are one and the same; float and ONNX differ by rounding only."""
    result = _json(capsys, ["compare-sim", "onnx", "float", "fixed", "offline"])

    assert isinstance(result, dict)
    pairs = {(row["reference"], row["candidate"]): row for row in result["comparisons"]}
    assert pairs["onnx", "float"]["max_abs"] < 1e-3
    assert pairs["fixed", "offline"]["max_abs"] == 0
    assert pairs["float", "fixed"]["top1_agreement"] >= 0.9


def test_a_comparison_beyond_its_limits_ends_with_1(
    project: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict is the exit code, and the table is there all the same."""
    strict = project.root / "strict.yaml"
    assert project.path is not None
    strict.write_text(
        project.path.read_text(encoding="utf-8") + "limits: {rmse_max: 0.0}\n", encoding="utf-8"
    )

    assert 1 == cli.execute(["compare-sim", "float", "fixed", "--config", str(strict), "-q"])
    assert "fixed" in capsys.readouterr().out


def test_one_clip_is_run_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """`deploy run CLIP` gives the class with its name; a clip nobody has is refused with the list."""
    clip = min((resources.data_dir() / "clips").glob("*.wav")).name
    result = _json(capsys, ["run", clip])

    assert isinstance(result, dict)
    assert result["label"].startswith(f"{result['class_id']} ")
    assert 2 == cli.execute(["run", "none.wav", "-q"])
    assert clip in capsys.readouterr().err

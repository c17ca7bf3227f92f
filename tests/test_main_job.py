"""The main job: the commands a user types, on the shipped model and clips, against the simulated board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deployer import cli, demo, resources
from deployer.settings.config import Deployment


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
    samples = [s for s in result["record"]["samples"] if not s["warm_up"]]
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


@pytest.fixture(scope="module")
def few(project: Deployment) -> str:
    """A folder of two shipped clips: what holds for a stage holds for any number."""
    folder = project.root / "few"
    folder.mkdir()
    for clip in sorted((resources.data_dir() / "clips").glob("*.wav"))[:2]:
        shutil.copy(clip, folder)
    return str(folder)


def test_the_board_is_a_stage_with_tensors_of_its_own(
    project: Deployment, few: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ran on the board gives the offline simulator's tensors, and its fingerprints prove every bit.

    --save keeps them, and a later comparison needs no board.
    """
    kept = project.root / "kept"
    result = _json(capsys, ["compare-sim", "offline", "board", "--clips", few, "--save", str(kept)])

    assert isinstance(result, dict)
    (row,) = result["comparisons"]
    assert (False, 1.0) == (row["class_ids_only"], row["top1_agreement"])
    assert row["max_abs"] <= 1e-6
    assert "bit-exact: All outputs XOR is the host's on 2 of 2 clips" in result["stages"][1]["detail"]
    prints = result["stages"][1]["fingerprints"]
    assert 2 == len(prints) and all(len(xor) == 10 and int(xor, 16) for xor in prints.values())
    again = _json(capsys, ["compare-sim", f"offline={kept / 'offline'}", f"board={kept / 'board'}"])
    assert isinstance(again, dict)
    assert row["max_abs"] == again["comparisons"][0]["max_abs"]
    assert "bit-exact" in again["stages"][1]["detail"]


def test_a_stage_is_held_against_the_users_own_tensors(
    project: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """--reference with one stage: a print, with how far it can be trusted; another shape is refused."""
    golden = np.load(resources.data_dir() / "golden_logits.npz")
    clip = Path(str(golden["names"][0]))
    words = ", ".join(f"{value:.4f}" for value in golden["logits"][0])
    (project.root / f"{clip.stem}.txt").write_text(
        f"tensor([[{words}]], device='cuda:0')\n", encoding="utf-8"
    )
    np.save(project.root / f"{clip.stem}.npy", np.zeros((1, 49), np.float32))

    result = _json(capsys, ["compare-sim", "onnx", "--reference", str(project.root / f"{clip.stem}.txt")])

    assert isinstance(result, dict)
    (row,) = result["comparisons"]
    assert ("reference", "onnx") == (row["reference"], row["candidate"])
    assert row["max_abs"] < 1e-3
    assert "known to within 5e-05 only" in result["stages"][0]["detail"]
    assert 2 == cli.execute(
        ["compare-sim", "onnx", "-q", "--reference", str(project.root / f"{clip.stem}.npy")]
    )
    assert "[1, 49] against [1, 50]" in " ".join(capsys.readouterr().err.split())


def test_a_board_that_cannot_give_tensors_says_so(
    project: Deployment, few: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a program of the vendor's and no dla_simulator there are class ids only, and the report says why."""
    assert project.path is not None
    assert 0 == cli.execute(["push", "-q"])
    vendors = project.root / "vendors.yaml"
    vendors.write_text(
        project.path.read_text(encoding="utf-8") + "program: .deploy/program/prog_sed_eat\n", encoding="utf-8"
    )

    result = _json(capsys, ["compare-sim", "offline", "board", "--clips", few, "--config", str(vendors)])

    assert isinstance(result, dict)
    (row,) = result["comparisons"]
    assert (True, 1.0, None) == (row["class_ids_only"], row["top1_agreement"], row["max_abs"])
    detail = result["stages"][1]["detail"]
    assert "class ids only, since the board runs the vendor's program" in detail
    assert "`board_simulator:`" in detail


@pytest.mark.parametrize("words", [["bench"], ["run", "5-203128-A-0_22.05k.wav"], ["all"], ["push"]])
def test_a_dry_run_leaves_the_board_as_it_is(
    words: list[str], project: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what would be sent, and no file on the board is touched."""
    current = project.root / "board" / "customer" / "deploy" / "current"
    (current / "models").mkdir(parents=True, exist_ok=True)
    (current / "models" / "eat.img").write_bytes(b"old")

    result = _json(capsys, [*words, "--dry-run"])

    assert isinstance(result, dict)
    assert any(str(name).endswith("models/eat.img") for name in result["sent"])
    assert b"old" == (current / "models" / "eat.img").read_bytes()


def test_progress_is_kept_as_json_lines(project: Deployment) -> None:
    """Every event of a bench is one JSON object, in order."""
    path = project.root / "events.jsonl"
    assert 0 == cli.execute(["bench", "--runs", "1", "-q", "--events", str(path)])

    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    steps = [event["done"] for event in events if (event["event"], event["step"]) == ("advanced", "bench")]
    assert list(range(1, 12)) == steps  # a warm-up, then ten
    assert "finished" == events[-1]["event"]


def test_a_ready_made_image_is_pushed_as_it_is(
    project: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A vendor's eat.img needs no conversion; our program refuses it by name, and the exit code is 5."""
    (project.root / "vendor.img").write_bytes(b"SGS" + bytes(1000))
    assert project.path is not None
    ready = project.root / "ready.yaml"
    ready.write_text(
        project.path.read_text(encoding="utf-8") + "model: {image: vendor.img}\n", encoding="utf-8"
    )

    assert 0 == cli.execute(["push", "-q", "--config", str(ready)])
    pushed = project.root / "board" / "customer" / "deploy" / "current" / "models" / "eat.img"
    assert pushed.read_bytes() == (project.root / "vendor.img").read_bytes()
    assert 5 == cli.execute(["run", "5-203128-A-0_22.05k.wav", "-q", "--config", str(ready)])
    assert "eat.img" in capsys.readouterr().err

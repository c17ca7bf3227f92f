"""`compare-sim` as a user has it: resumed, in parallel, on kept outputs, over another folder of clips."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deployer import pipeline, resources
from deployer.cli.compare_sim import command
from deployer.comparison.output_store import OutputFolder
from deployer.project import Project
from deployer.settings import config

CLIPS = resources.data_dir() / "clips"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model was converted once."""
    root = tmp_path_factory.mktemp("compare")
    (root / "deploy.yaml").write_text("chip: pcupid\n")
    pipeline.convert(Project(config.load(root / "deploy.yaml")))
    return root


@pytest.fixture
def root(converted: Path, tmp_path: Path) -> Path:
    """The same project for one test's own."""
    shutil.copytree(converted, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More short clips than one process is used for."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(4)
    for number in range(26):
        with wave.open(str(folder / f"clip {number:02d}.wav"), "wb") as file:
            file.setparams((1, 2, 22050, 0, "NONE", ""))
            file.writeframes(rng.integers(-9000, 9000, 4000).astype("<i2").tobytes())
    return folder


def _words(root: Path, *words: str) -> list[str]:
    return [*words, "--json", "-q", "--config", str(root / "deploy.yaml")]


def _run(root: Path, *words: str) -> dict[str, object]:
    ran = CliRunner().invoke(command, _words(root, *words))
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert isinstance(result, dict)
    return result


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "clips").glob("[!.]*.npz")}


def test_jobs_change_nothing_but_the_time(root: Path, many: Path) -> None:
    """One process or three, engines and simulators: the same bytes for every clip, in the same report."""
    reports = []
    for jobs in ("1", "3"):
        saved = root / f"jobs{jobs}"
        reports.append(
            _run(root, "onnx", "fixed", "--clips", str(many), "--jobs", jobs, "--save", str(saved))
        )
    one, three = (
        {str(p.relative_to(root / f)): p.read_bytes() for p in sorted((root / f).rglob("*.npz"))}
        for f in ("jobs1", "jobs3")
    )

    assert 52 == len(one) and one == three
    assert reports[0] == reports[1]


def test_a_killed_comparison_goes_on_where_it_was(root: Path, many: Path) -> None:
    """SIGKILL in the middle; what was there stays untouched, the rest is added, the result is that of one go."""
    words = _words(root, "onnx", "float", "--clips", str(many), "--jobs", "1")
    place = root / ".deploy" / "outputs" / "onnx"
    argv = [sys.executable, "-m", "deployer", "compare-sim", *words]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 60
        while len(_times(place)) < 4 and time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
    before = _times(place)
    assert 4 <= len(before) < 26
    finished = _run(root, "onnx", "float", "--clips", str(many), "--jobs", "1")
    after = _times(place)

    assert 26 == len(after) and before == {name: after[name] for name in before}
    assert finished == _run(root, "onnx", "float", "--clips", str(many), "--fresh")
    assert not set(before.items()) & set(_times(place).items())


def test_kept_outputs_stand_in_for_a_stage(root: Path) -> None:
    """What another machine computed is compared without computing it again, and said to be kept."""
    first = _run(root, "float", "fixed", "--save", str(root / "kept"))
    (root / ".deploy" / "artifacts").rename(root / "gone")
    again = _run(root, f"float={root}/kept/float", f"fixed={root}/kept/fixed")

    assert first["comparisons"] == again["comparisons"]
    assert "kept in" in str(again["stages"])


def test_other_inputs_under_the_same_names_are_refused(root: Path, tmp_path: Path) -> None:
    """A clip that was cut since: its kept output is of another sound."""
    _run(root, "float", "onnx", "--save", str(root / "kept"))
    other = tmp_path / "other"
    shutil.copytree(CLIPS, other)
    path = sorted(other.glob("*.wav"))[3]
    data = bytearray(path.read_bytes())
    data[20000] ^= 64
    path.write_bytes(data)
    ran = CliRunner().invoke(command, _words(root, f"float={root}/kept/float", "onnx", "--clips", str(other)))

    assert ran.exit_code != 0
    assert f"{path.name}: onnx and float were given different inputs" in str(ran.exception)


def test_clips_that_one_side_lacks_are_refused_or_left_out(root: Path) -> None:
    """By name; with --common the rest is compared and the number said."""
    _run(root, "float", "onnx", "--save", str(root / "kept"))
    lost = sorted((root / "kept" / "float" / "clips").glob("*.npz"))[0]
    lost.unlink()
    stages = (f"float={root}/kept/float", f"onnx={root}/kept/onnx")
    ran = CliRunner().invoke(command, _words(root, *stages))
    shared = _run(root, *stages, "--common")

    assert ran.exit_code != 0 and lost.name.removesuffix(".npz") in str(ran.exception)
    assert [lost.name.removesuffix(".npz")] == shared["left_out"]


def test_flips_are_told_with_names_and_leads(root: Path) -> None:
    """A stage that decides otherwise on one clip: which, from what to what, by how much, and the truth."""
    _run(root, "float", "onnx", "--save", str(root / "kept"))
    folder = OutputFolder.open(root / "kept" / "onnx")
    clip = "5-151085-A-20_22.05k.wav"
    turned = np.zeros((1, 50), np.float32)
    turned[0, 3] = 2.5
    folder.write(clip, {"output": turned}, input_sha256=folder.inputs(clip))
    words = _words(root, f"float={root}/kept/float", f"onnx={root}/kept/onnx")
    ran = CliRunner().invoke(command, words)
    (row,) = json.loads(ran.stdout)["comparisons"]
    shown = CliRunner().invoke(command, [word for word in words if word != "--json"])

    assert 1 == getattr(ran.exception, "exit_code", None)
    (flip,) = row["flips"]
    assert (clip, 20, 3, 2.5, 20) == (
        flip["clip"],
        flip["reference"]["class_id"],
        flip["candidate"]["class_id"],
        flip["candidate"]["margin"],
        flip["target"],
    )
    assert "crying_baby" in flip["reference"]["label"] and "3 cow (2.500)" in shown.stdout
    assert "9" in shown.stdout and "would pass with `limits: {cosine_min:" in shown.stdout
    assert row["passing"]["top1_min"] == pytest.approx(0.9)


def test_two_clips_of_one_name_are_refused(root: Path, tmp_path: Path) -> None:
    """Which of them would be meant is not guessed."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(next(CLIPS.glob("*.wav")), tmp_path / folder / "x.wav")
    ran = CliRunner().invoke(command, _words(root, "float", "onnx", "--clips", str(tmp_path)))

    assert ran.exit_code != 0 and "two clips are called x.wav" in str(ran.exception)


def test_the_truth_is_read_from_the_clips_that_are_compared(root: Path, tmp_path: Path) -> None:
    """Another folder's file names state their targets too: accuracy and agreement with their intervals."""
    other = tmp_path / "other"
    other.mkdir()
    for wav in sorted(CLIPS.glob("*.wav"))[:2]:
        shutil.copy(wav, other / f"4-{wav.name.split('-', 1)[1]}")
    done = _run(root, "float", "onnx", "--clips", str(other))

    agreement, rows = done["agreement"], done["comparisons"]
    assert isinstance(agreement, dict) and isinstance(rows, list)
    (row,) = rows
    assert (2, [[1.0, 1.0], [1.0, 1.0]]) == (agreement["known"], agreement["shares"])
    assert ["float", "onnx"] == [each["stage"] for each in agreement["accuracy"]]
    assert (2, 2) == (row["decided_alike"]["clips"], row["decided_alike"]["of"])
    assert row["decided_alike"]["interval"] == pytest.approx(
        [0.342, 1.0], abs=1e-3
    )  # Wilson: 2 / (2 + 1.96^2)


def test_kept_outputs_of_other_clips_are_refused_before_anything_runs(root: Path, many: Path) -> None:
    """A mistake in the folder's name must not cost an hour of simulation first."""
    _run(root, "float", "onnx", "--save", str(root / "kept"))
    stages = (f"float={root}/kept/float", "onnx", "--clips", str(many))
    ran = CliRunner().invoke(command, _words(root, *stages, "--save", str(root / "new")))

    assert "36 clips differ; the first, " in str(ran.exception)
    assert not (root / "new").exists()


def test_broken_outputs_leave_the_report_valid_json(root: Path) -> None:
    """NaN and infinity are no JSON: they come as null, and the comparison does not pass."""
    _run(root, "float", "onnx", "--save", str(root / "kept"))
    folder = OutputFolder.open(root / "kept" / "onnx")
    for clip, value in zip(list(folder), (np.nan, np.inf), strict=False):
        folder.write(clip, {"output": np.full((1, 50), value, np.float32)}, input_sha256=folder.inputs(clip))
    ran = CliRunner().invoke(command, _words(root, f"float={root}/kept/float", f"onnx={root}/kept/onnx"))

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    (row,) = json.loads(ran.stdout, parse_constant=refuse)["comparisons"]
    assert (False, None) == (row["passed"], row["max_abs"])

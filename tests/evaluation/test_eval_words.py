"""`deploy eval` as a user has it, with a small keyword spotter: resumed, in parallel, refused, and its figures."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner

from board_runner import audio
from board_runner.models import kws
from deployer import cli, labels
from deployer.evaluation import record
from deployer.evaluation.class_figures import ClassFigures
from deployer.settings.config import ModelSection
from tests.evaluation import words

LABELS = labels.load(ModelSection(name="kws"), Path())


def _classes(result: dict[str, object]) -> ClassFigures:
    found = record.of_fields(result, place="the output").stages[0].measured.classes
    assert found is not None
    return found


def _answers(project: Path) -> Path:
    (path,) = (project / ".deploy" / "eval").glob("onnx-*.jsonl")
    return path


def test_the_figures_are_those_of_the_model_run_by_hand(project: Path, spotter: Path, spoken: Path) -> None:
    """Every clip through ONNX Runtime here: the matrix, top 5 and worst margin are its."""
    session = onnxruntime.InferenceSession(str(spotter))
    matrix: dict[int, dict[int, int]] = {}
    top, margins = 0, {}
    for wav in sorted(spoken.rglob("*.wav")):
        target = LABELS.index(wav.parent.name)
        (inputs,) = kws.chunks(audio.read_wav(wav).samples[0], kws.contract())
        scores = session.run(None, dict(inputs))[0][0]
        said = int(scores.argmax())
        row = matrix.setdefault(target, {})
        row[said] = row.get(said, 0) + 1
        top += target in np.argsort(-scores)[:5]
        margins[str(wav)] = float(scores[target] - np.delete(scores, target).max())
    found = _classes(words.run(project, str(spoken)))

    assert matrix == found.confusion
    assert top / 36 == found.top[5]
    assert min(margins, key=margins.__getitem__) == found.worst[0].audio
    assert min(margins.values()) == pytest.approx(found.worst[0].margin)


def test_processes_change_nothing_but_the_time(project: Path, spoken: Path) -> None:
    """One or two: the same record, the same file of answers; and a third time nothing is asked anew."""
    one = words.run(project, str(spoken), "--jobs", "1")
    first = _answers(project).read_bytes()
    two = words.run(project, str(spoken), "--jobs", "2", "--fresh")

    assert words.same(one, two) and first == _answers(project).read_bytes()
    assert words.same(one, words.run(project, str(spoken)))
    assert first == _answers(project).read_bytes()


def test_a_killed_evaluation_goes_on_where_it_was(project: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle, a torn line after it: kept answers stay, and the record is that of one go."""
    clips = words.write_clips(_made(tmp_path / "many"), 300)
    argv = [sys.executable, "-m", "deployer", "eval", str(clips), "--jobs", "1", "-q"]
    argv += ["--config", str(project / "deploy.yaml")]
    folder = project / ".deploy" / "eval"
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=os.environ) as running:
        deadline = time.monotonic() + 60
        while _lines(folder) < 5 and time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
    before = _answers(project).read_bytes()
    assert 5 <= _lines(folder) < 300
    _answers(project).write_bytes(before + b'{"key": "0123')
    resumed = words.run(project, str(clips))
    after = _answers(project).read_bytes()

    assert after.startswith(before[: before.rindex(b"\n") + 1]) and 301 == after.count(b"\n")
    assert words.same(resumed, words.run(project, str(clips), "--fresh"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))


_PEAK = """\
import resource, sys
from deployer import cli
assert cli.execute(sys.argv[1:]) == 0
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _peak_kib(project: Path, clips: Path) -> int:
    argv = ["eval", str(clips), "--jobs", "1", "-q", "--config", str(project / "deploy.yaml")]
    ran = subprocess.run([sys.executable, "-c", _PEAK, *argv], capture_output=True, text=True, check=True)
    return int(ran.stdout.rpartition("peak ")[2])


def test_memory_does_not_grow_with_the_clips(project: Path, tmp_path: Path) -> None:
    """Ten times as many clips, or fifty times as many links: 6 MiB at most, half of what the clips' samples are."""
    few = words.write_clips(_made(tmp_path / "few"), 38)
    many = words.write_clips(_made(tmp_path / "many"), 400)
    links = _made(tmp_path / "links")
    for number in range(50):
        for clip in few.rglob("*.wav"):
            place = links / clip.parent.name
            place.mkdir(exist_ok=True)
            os.link(clip, place / f"{number} {clip.name}")
    base = _peak_kib(project, few)

    assert _peak_kib(project, links) - base < 6 << 10
    assert _peak_kib(project, many) - base < 6 << 10


def test_clips_of_one_content_are_answered_once(project: Path, spoken: Path, tmp_path: Path) -> None:
    """Copies count as clips; the record says how many are distinct."""
    shutil.copytree(spoken, tmp_path / "twice")
    shutil.copytree(spoken / "yes", tmp_path / "twice" / "yes" / "again")
    found = words.run(project, str(tmp_path / "twice"))

    assert {"clips": 48, "distinct": 36}.items() <= found["dataset"].items()
    assert 37 == _lines(project / ".deploy" / "eval")


def test_another_truth_asks_nothing_anew(project: Path, spoken: Path, tmp_path: Path) -> None:
    """Answers belong to sounds: relabelled clips are measured from those that are there."""
    words.run(project, str(spoken))
    before = _answers(project).read_bytes()
    shutil.copytree(spoken / "yes", tmp_path / "set" / "go")
    shutil.copytree(spoken / "no", tmp_path / "set" / "up")
    found = _classes(words.run(project, str(tmp_path / "set")))

    assert before == _answers(project).read_bytes()
    assert {"go", "up"} <= {row.label.split()[1] for row in found.classes if row.clips}


@pytest.mark.parametrize(
    ("words_", "code"),
    [
        (["--min-metric", "0"], 0),
        (["--min-metric", "1"], 1),
        (["--min-metric", "nan"], 1),
        (["--min-metric", "80"], 2),
    ],
)
def test_a_limit_decides_the_exit_code(project: Path, spoken: Path, words_: list[str], code: int) -> None:
    """A percentage is refused, and NaN is a limit that nothing holds."""
    argv = ["eval", str(spoken), "-q", "--config", str(project / "deploy.yaml"), *words_]
    assert code == cli.execute(argv)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--max-metric", "0.1"], "higher is better"),
        (["--fold", "1"], "its clips have no folds"),
        (["--confusion", "no/such/folder.csv"], "no folder no/such"),
        (["--stage", "torch"], "needs a checkpoint"),
        (["--stage", "fixed"], "deploy convert"),
        (["--stage", "onnx", "--stage", "onnx"], "different stages"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    project: Path, spoken: Path, given: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2, and where it can be known, before anything is computed."""
    assert 2 == cli.execute(["eval", str(spoken), "-q", "--config", str(project / "deploy.yaml"), *given])
    assert complaint in capsys.readouterr().err


def test_a_class_that_the_model_lacks_stops_before_anything_runs(project: Path, spoken: Path) -> None:
    """Even if it is the last clip's."""
    clips = project / "clips"
    shutil.copytree(spoken, clips)
    (clips / "yes").rename(clips / "zebra")

    assert 2 == cli.execute(["eval", str(clips), "-q", "--config", str(project / "deploy.yaml")])
    assert not (project / ".deploy" / "eval").exists()


def test_a_broken_clip_is_named_and_costs_nothing_else(
    project: Path, spoken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the file; mended, the others are not computed again."""
    clips = project / "clips"
    shutil.copytree(spoken, clips)
    broken = sorted(clips.rglob("*.wav"))[-1]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:1000])
    argv = ["eval", str(clips), "-q", "--jobs", "1", "--config", str(project / "deploy.yaml")]

    assert 2 == cli.execute(argv)
    assert f"{broken}: truncated" in capsys.readouterr().err
    kept = _answers(project).read_bytes()
    assert 36 == kept.count(b"\n")
    broken.write_bytes(whole)
    assert 0 == cli.execute(argv)
    assert _answers(project).read_bytes().startswith(kept)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_clips_without_an_answer_are_left_out_where_that_is_asked_for(
    project: Path, spoken: Path, jobs: str
) -> None:
    """Named, counted, in no figure, and tried again: mended, the record is that of whole clips."""
    clips = project / "clips"
    shutil.copytree(spoken, clips)
    broken = sorted(clips.rglob("*.wav"))[7]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:1000])
    found = words.run(project, str(clips), "--keep-going", "--jobs", jobs)
    (left_out,) = found["dataset"]["left_out"]

    assert (36, 1, 35) == (found["dataset"]["clips"], found["dataset"]["without"], _classes(found).clips)
    assert str(broken.relative_to(clips)) == left_out["clip"] and "truncated" in left_out["reason"]
    broken.write_bytes(whole)
    assert words.same(words.run(project, str(clips)), words.run(project, str(clips), "--fresh"))


def test_no_answer_at_all_is_a_failure(project: Path, tmp_path: Path) -> None:
    """Instead of figures over nothing."""
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "a.wav").write_bytes(b"RIFF")

    argv = ["eval", str(tmp_path / "yes" / ".."), "-q", "--config", str(project / "deploy.yaml")]
    assert 1 == cli.execute([*argv, "--keep-going"])


def test_the_matrix_goes_to_a_table(project: Path, spoken: Path, tmp_path: Path) -> None:
    """A row a class of the data set, a column a class that occurs; all counts are the record's."""
    out = tmp_path / "matrix.csv"
    found = _classes(words.run(project, str(spoken), "--confusion", str(out)))
    header, *rows = csv.reader(out.read_text(encoding="utf-8").splitlines())

    assert ["truth", *(row.label for row in found.classes)] == header
    assert 36 == sum(int(count) for row in rows for count in row[1:])
    assert {row[0]: sum(map(int, row[1:])) for row in rows} == {
        row.label: row.clips for row in found.classes if row.clips
    }


def test_the_history_has_the_record(project: Path, spoken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Listed as what it is, and whole; `deploy report` knows it too."""
    printed = words.run(project, str(spoken))
    assert 0 == cli.execute(["history", "list", "--json", "--config", str(project / "deploy.yaml")])
    (listed,) = json.loads(capsys.readouterr().out)

    assert (printed["id"], "eval", "kws") == (listed["id"], listed["kind"], listed["model"])
    assert 0 == cli.execute(["history", "show", "--json", "--config", str(project / "deploy.yaml")])
    shown = json.loads(capsys.readouterr().out)["record"]
    assert record.of_fields(printed, place="") == record.of_fields(shown, place="")
    assert 0 == cli.execute(["report", "--config", str(project / "deploy.yaml")])
    assert printed["id"] in capsys.readouterr().out


def test_people_get_tables(project: Path, spoken: Path) -> None:
    """Stage, classes, matrix, worst clips with their audio, what is kept where."""
    from deployer.cli.eval import command

    ran = CliRunner().invoke(command, [str(spoken), "-q", "--config", str(project / "deploy.yaml")])

    assert 0 == ran.exit_code
    for expected in (
        "95 % interval",
        "confusion matrix of onnx",
        "worst clips of onnx",
        str(spoken),
        "kept as",
    ):
        assert expected in ran.output


def test_a_file_in_the_place_of_the_answers_is_told(
    project: Path, spoken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and not taken for a bug of ours."""
    (project / ".deploy").mkdir(exist_ok=True)
    (project / ".deploy" / "eval").write_text("")

    assert 2 == cli.execute(["eval", str(spoken), "-q", "--config", str(project / "deploy.yaml")])
    said = capsys.readouterr().err
    assert f"{project / '.deploy' / 'eval'}: File exists" in said and "move away" in said

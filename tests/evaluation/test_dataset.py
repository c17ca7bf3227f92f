"""A data set's layout is recognised, and what is none is told by the file that spoils it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from board_runner.contract import InputContract
from board_runner.errors import InputError, UsageError
from board_runner.models import kws
from deployer import resources
from deployer.datasets import classes
from deployer.evaluation import dataset, truths
from deployer.evaluation.dataset import Clip
from deployer.evaluation.listing import Listing
from tests.evaluation import words

CLIPS = resources.data_dir() / "clips"
SMALL: InputContract = kws.contract()


def _truths(path: Path, *folds: str) -> dict[str, str]:
    return {clip.name: clip.truth for clip in dataset.find(path, folds=folds)}


def test_names_of_esc50_state_class_and_fold(tmp_path: Path) -> None:
    """In any depth, prepared or not; another fold is left out."""
    (tmp_path / "deep").mkdir()
    for name in ("5-1-A-32.wav", "deep/4-2-B-7_22.05k.wav", "deep/5-3-A-0.WAV"):
        (tmp_path / name).touch()

    assert {"5-1-A-32.wav": "32", "deep/4-2-B-7_22.05k.wav": "7", "deep/5-3-A-0.WAV": "0"} == _truths(
        tmp_path
    )
    assert {"deep/4-2-B-7_22.05k.wav": "7"} == _truths(tmp_path, "4")


def test_folders_are_classes(spoken: Path, tmp_path: Path) -> None:
    """The first folder counts; one name in two classes is two clips; noise and hidden folders are none."""
    shutil.copytree(spoken, tmp_path / "set")
    for place in ("_background_noise_", ".cache"):
        (tmp_path / "set" / place).mkdir()
        (tmp_path / "set" / place / "white.wav").touch()
    (tmp_path / "set" / "_silence_").mkdir()
    (tmp_path / "set" / "_silence_" / "quiet.wav").touch()
    found = _truths(tmp_path / "set")

    assert 37 == len(found)
    assert ("yes", "no", "_silence_") == tuple(
        found[name] for name in ("yes/take 0000.wav", "no/take 0000.wav", "_silence_/quiet.wav")
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'path,class,fold\nx.wav,yes,1\n"b, c.wav",7,2\n'),
        ("a.tsv", "filename\tcategory\ttarget\tfold\nx.wav\tother\tyes\t1\nb, c.wav\tother\t7\t2\n"),
        ("a.CSV", '\ufefffold,label,file\r\n1,yes,x.wav\r\n2,7,"b, c.wav"\r\n'),
    ],
)
def test_tables_name_clip_and_class(tmp_path: Path, name: str, text: str) -> None:
    """By their header, commas or tabs, with or without a byte order mark; paths from the table's folder."""
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    found = list(dataset.find(tmp_path / name))

    assert [("x.wav", "yes", "1"), ("b, c.wav", "7", "2")] == [(c.name, c.truth, c.fold) for c in found]
    assert tmp_path / "b, c.wav" == found[1].path
    assert {"b, c.wav": "7"} == _truths(tmp_path / name, "2")


def test_a_prepared_data_set_is_its_manifest(spoken: Path, tmp_path: Path) -> None:
    """`deploy prepare classes`: names of the classes, and --fold takes a split."""
    made = classes.make(spoken, tmp_path / "made", SMALL)
    found = _truths(tmp_path / "made")
    test = _truths(tmp_path / "made", "test")

    assert {"yes": 12, "no": 12, "stop": 12} == {w: list(found.values()).count(w) for w in words.WORDS}
    assert made.count("test") == len(test) and test.items() <= found.items()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "no wav in this folder"),
        ({"5-1-A-3.wav": "", "z.wav": ""}, "z.wav: not a name of ESC-50's kind"),
        ({"a.wav": "", "yes/b.wav": ""}, "a.wav: of no class"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    """The first file that spoils it."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    with pytest.raises(InputError, match=complaint):
        list(dataset.find(tmp_path))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,class\nx.wav,1\n", "no column path or file"),
        ("path,sort\nx.wav,1\n", "no column target or class"),
        ("path,class\nx.wav\n", "line 2: no class"),
        ("path,class\nx.wav,1\n,2\n", "line 3: no path"),
        ("", "it has none"),
        ('path,class\n"x\0.wav,1\n', "a.csv"),
    ],
)
def test_a_damaged_table_is_told_by_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    """Which column, or which line."""
    (tmp_path / "a.csv").write_text(text)

    with pytest.raises(InputError, match=complaint):
        list(dataset.find(tmp_path / "a.csv"))


def test_folds_of_clips_without_any_are_refused(spoken: Path, tmp_path: Path) -> None:
    """Instead of an evaluation over nothing."""
    with pytest.raises(UsageError, match="no folds"):
        dataset.find(spoken, folds=("1",))
    (tmp_path / "broken.json").write_text("[")
    with pytest.raises(InputError, match="not a manifest"):
        list(dataset.find(tmp_path / "broken.json"))


def test_a_class_is_a_name_or_a_number() -> None:
    """A name goes first, so that labels that are digits mean themselves; what is neither is told with a guess."""
    labels = ("one", "two", "0")

    def of(truth: str) -> int:
        return truths.class_id(Clip(path=CLIPS, name="a", truth=truth), labels, 3)

    assert [0, 1, 2, 1] == [of("one"), of("two"), of("0"), of("1")]
    for truth, complaint in (("tow", "no class 'tow'"), ("3", "class 3, the model has classes 0 to 2")):
        with pytest.raises(InputError, match=complaint):
            of(truth)


@pytest.mark.parametrize("name", ["b\udcffd.wav", "z\0.wav"])
def test_a_name_that_no_text_can_hold_is_told(tmp_path: Path, name: str) -> None:
    """One that is not UTF-8, and one with a zero byte, as a table may have it, are no bugs of ours."""
    clip = Clip(path=tmp_path / name, name=name, truth="0")

    with pytest.raises(InputError, match="a name that cannot be kept") as e:
        Listing([clip], check=lambda _: None, emit=lambda _: None)
    assert "rename" in e.value.hint


def test_a_table_without_rows_is_told_as_such(tmp_path: Path) -> None:
    """Where nobody asked for a fold, the fold is not blamed alone."""
    (tmp_path / "a.csv").write_text("path,class\n")

    with pytest.raises(InputError, match="no clip") as e:
        Listing(dataset.find(tmp_path / "a.csv"), check=lambda _: None, emit=lambda _: None)
    assert "rows" in e.value.hint


def test_a_data_set_has_a_name(spoken: Path, tmp_path: Path) -> None:
    """A manifest's own, else that of its folder within the one above: `clips` alone names nothing."""
    classes.make(spoken, tmp_path / "made", SMALL)
    (tmp_path / "here/clips/yes").mkdir(parents=True)
    (tmp_path / "here/clips/yes/a.wav").touch()

    assert "the shipped clips" == dataset.find(CLIPS).name
    assert "here/clips" == dataset.find(tmp_path / "here/clips").name
    assert f"{tmp_path.name}/made" == dataset.find(tmp_path / "made").name

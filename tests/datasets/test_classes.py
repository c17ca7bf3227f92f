"""`deploy prepare classes`: a split that is fair, repeatable, and never moves a clip."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from board_runner.errors import InputError, UsageError
from board_runner.models import eat
from deployer import cli
from deployer.datasets import classes, labelled
from deployer.datasets.classes import SHARES, assign
from deployer.events import Event, Warned

CONTRACT = eat.contract()


def _add(folder: Path, *places: str) -> None:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / place, 0.1 * np.ones(40), 22050, subtype="PCM_16")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of ten and five clips, one of them in a folder further down."""
    place = tmp_path / "data"
    _add(place, *(f"cat/{number}.wav" for number in range(9)), "cat/more/0.wav")
    _add(place, *(f"dog/{number}.wav" for number in range(5)))
    return place


def _sides(made: labelled.Manifest) -> dict[str, str | None]:
    return {clip.source: clip.split for clip in made.clips}


def test_folders_become_classes_and_a_split(folder: Path, tmp_path: Path) -> None:
    """Names in order are ids; 80, 10 and 10 of a hundred in each class, as near as whole clips allow."""
    out = tmp_path / "out"
    assert cli.execute(["prepare", "classes", str(folder), "--out", str(out), "-q"]) == 0
    made = labelled.load(out)
    assert made.classes == ("cat", "dog")
    counts = Counter((clip.class_id, clip.split) for clip in made.clips)
    assert counts == {(0, "train"): 8, (0, "val"): 1, (0, "test"): 1, (1, "train"): 4, (1, "val"): 1}
    assert all((out / clip.file).is_file() for clip in made.clips)
    assert len({clip.file for clip in made.clips}) == 15


def test_a_second_run_changes_nothing(folder: Path, tmp_path: Path) -> None:
    """The same bytes in the same folder and in another; another seed splits otherwise."""
    classes.make(folder, tmp_path / "a", CONTRACT)
    first = (tmp_path / "a" / "manifest.json").read_bytes()
    classes.make(folder, tmp_path / "a", CONTRACT)
    classes.make(folder, tmp_path / "b", CONTRACT)
    assert first == (tmp_path / "a" / "manifest.json").read_bytes()
    assert first == (tmp_path / "b" / "manifest.json").read_bytes()
    drawn = {
        tuple(_sides(classes.make(folder, tmp_path / f"c{n}", CONTRACT, seed=n)).values()) for n in (1, 2)
    }
    assert len(drawn | {tuple(_sides(labelled.load(tmp_path / "a")).values())}) == 3


def test_new_files_move_no_old_one(folder: Path, tmp_path: Path) -> None:
    """Clips and classes are added after the old ones, whose order, ids and splits stay, and shares are kept."""
    before = classes.make(folder, tmp_path / "out", CONTRACT)
    _add(folder, *(f"cat/0{number}.wav" for number in range(10)), "bee/a.wav", "bee/b.wav")
    events: list[Event] = []
    after = classes.make(folder, tmp_path / "out", CONTRACT, emit=events.append)
    assert after.clips[: len(before.clips)] == before.clips
    assert after.classes == ("cat", "dog", "bee")
    assert any("bee" in event.message for event in events if isinstance(event, Warned))
    cats = Counter(clip.split for clip in after.clips if clip.class_id == 0)
    assert cats == {"train": 16, "val": 2, "test": 2}


def test_a_clip_that_comes_back_goes_where_it_was(folder: Path, tmp_path: Path) -> None:
    """What a network has trained on never turns up among its test clips."""
    before = classes.make(folder, tmp_path / "out", CONTRACT)
    shutil.move(folder / "cat", tmp_path / "cat")
    _add(folder, "emu/a.wav")
    between = classes.make(folder, tmp_path / "out", CONTRACT)
    assert len(between.gone) == 10
    shutil.move(tmp_path / "cat", folder / "cat")
    after = classes.make(folder, tmp_path / "out", CONTRACT)
    assert {source: _sides(after)[source] for source in _sides(before)} == _sides(before)
    assert after.gone == ()


@given(
    st.dictionaries(st.text("abc/", min_size=1, max_size=6), st.sampled_from("xyz"), max_size=60),
    st.integers(0, 5),
    st.tuples(st.integers(1, 90), st.integers(0, 50), st.integers(0, 50)),
)
def test_every_class_is_split_by_the_shares(
    files: dict[str, str], seed: int, parts: tuple[int, int, int]
) -> None:
    """In every class each split is less than one clip from its share."""
    shares = classes.shares_of(",".join(map(str, parts)))
    split = assign(files, {}, seed=seed, shares=shares)
    assert set(split) == set(files)
    for name in set(files.values()):
        mine = Counter(split[path] for path in files if files[path] == name)
        assert all(abs(mine[side] - share * mine.total()) < 1 for side, share in shares.items())


def test_known_clips_keep_their_side() -> None:
    """Even where that leaves the shares far off; new ones go where most is lacking."""
    files = dict.fromkeys("abcd", "x")
    assert assign(files, {"a": "test", "b": "test"}, seed=0, shares=SHARES) == {
        "a": "test",
        "b": "test",
        "c": "train",
        "d": "train",
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [({"seed": 1}, "made with seed 0, asked for 1"), ({"shares": {"train": 1.0}}, "shares")],
)
def test_a_manifest_made_otherwise_is_not_overwritten(
    change: dict[str, int], said: str, folder: Path, tmp_path: Path
) -> None:
    """Another seed or other shares would move clips between train and test: refused."""
    classes.make(folder, tmp_path / "out", CONTRACT)
    with pytest.raises(InputError, match=said):
        classes.make(folder, tmp_path / "out", CONTRACT, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["80,20", "0,1,1", "a,b,c", "80,10,-10", "nan,1,1"])
def test_shares_that_make_no_split_are_refused(text: str) -> None:
    """Three numbers, none negative, some for training."""
    with pytest.raises(UsageError, match="shares"):
        classes.shares_of(text)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: shutil.rmtree(folder / "dog"), "audio of 1 classes"),
        (lambda folder: _add(folder, "dog/0.flac"), "would become one wav"),
    ],
)
def test_a_folder_that_makes_no_data_set_is_refused(
    spoil: Callable[[Path], None], said: str, folder: Path, tmp_path: Path
) -> None:
    """One class alone, or two recordings that would become one file."""
    spoil(folder)
    with pytest.raises(InputError, match=said):
        classes.make(folder, tmp_path / "out", CONTRACT)
    with pytest.raises(InputError, match="lies in"):
        classes.make(folder, folder / "out", CONTRACT)

"""What is laid out for the tools, and what is taken from them."""

from __future__ import annotations

import ast
import datetime
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from deployer import resources
from deployer.conversion import same_day, staging
from deployer.conversion.collect import Wanted, collect
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import profile

SHAPE = (1, 1, 8)
TENSORS = {"a b.wav": np.arange(8, dtype=np.float32).reshape(SHAPE), "狗叫.wav": np.ones(SHAPE, np.float32)}


@pytest.mark.parametrize("suffix", [".npy", ".raw", ".bin"])
def test_the_script_gives_back_what_was_laid_out(tmp_path: Path, suffix: str) -> None:
    """Under ASCII names, in each form that the tools read; a clip's name may be anything."""
    staged = staging.stage(tmp_path / "data", TENSORS.items(), suffix=suffix)
    script = tmp_path / "eat_preprocess.py"
    assert staging.preprocess(script, SHAPE)
    spec = importlib.util.spec_from_file_location("pre", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert all(path.name.isascii() and path.suffix == suffix for path in staged.files.values())
    for clip, tensor in TENSORS.items():
        assert np.array_equal(tensor, module.image_preprocess(str(staged.files[clip])))
    staging.check_read(script, staged)


def test_the_script_is_old_python() -> None:
    """It runs in the vendor's image, whose Python may be 3.7, and needs numpy alone."""
    tree = ast.parse(staging.PREPROCESS.replace("@SHAPE@", "(1, 1)"), feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    assert {"os", "numpy"} == imported


def test_a_file_that_the_tools_skipped_is_an_error(tmp_path: Path) -> None:
    """The count and the first name, though the tools said OK."""
    staged = staging.stage(tmp_path / "data", TENSORS.items(), suffix=".npy")
    script = tmp_path / "pre.py"
    staging.preprocess(script, SHAPE)
    (tmp_path / staging.READ_LOG).write_text(staged.files["a b.wav"].name + "\n")

    with pytest.raises(ToolchainError, match="read 1 of 2 files; not 0001_"):
        staging.check_read(script, staged)


def test_the_users_own_script_and_data_stay(tmp_path: Path) -> None:
    """A script that we did not write is used as it is; an old staging of ours is replaced."""
    script = tmp_path / "eat_preprocess.py"
    script.write_text("# the vendor's\n")
    staging.stage(tmp_path / "data", TENSORS.items(), suffix=".npy")
    again = staging.stage(tmp_path / "data", list(TENSORS.items())[:1], suffix=".raw")

    assert not staging.preprocess(script, SHAPE)
    assert "# the vendor's\n" == script.read_text()
    assert [path.name for path in again.files.values()] == [path.name for path in again.folder.iterdir()]


def test_no_clips_are_refused(tmp_path: Path) -> None:
    """Before anything runs."""
    with pytest.raises(ToolchainError, match="no clip"):
        staging.stage(tmp_path / "data", [], suffix=".npy")


def _written(folder: Path, *paths: str) -> list[Path]:
    files = [folder / path for path in paths]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    return files


def _wanted(chip: str) -> Wanted:
    return Wanted(chip=chip, float_name="eat_float.sim", fixed_name="eat_fixed.sim", image_name="eat.img")


def test_files_are_told_apart_by_chip(tmp_path: Path) -> None:
    """A chip whose name begins with another's is not taken for it, whatever the order of folders."""
    names = ("eat_float.sim", "eat_fixed.sim", "eat.img")
    for layout in ("{chip}_20261121", "20261121/{chip}", "20261121_{chip}"):
        below = tmp_path / layout.replace("/", "_")
        places = [f"{layout.format(chip=chip)}/{name}" for chip in ("s6", "s6plus") for name in names]
        found = collect(_written(below, *places), [_wanted("s6"), _wanted("s6plus")], below=below)

        assert 6 == len(found)
        assert "s6plus" in str(found["s6plus", "eat.img"].relative_to(below))
        assert "s6plus" not in str(found["s6", "eat.img"].relative_to(below))


def test_a_missing_an_empty_and_a_double_file_are_counted(tmp_path: Path) -> None:
    """What is not there once is not taken."""
    two = _written(tmp_path, "a/eat_float.sim", "b/eat_float.sim", "a/eat_fixed.sim")
    with pytest.raises(ToolchainError, match=r"wrote 2 eat_float\.sim"):
        collect(two, [_wanted("s6")], below=tmp_path)
    one = _written(tmp_path, "a/eat_float.sim", "a/eat_fixed.sim", "a/eat.img")
    one[2].write_text("")
    with pytest.raises(ToolchainError, match=r"wrote 0 eat\.img"):
        collect(one, [_wanted("s6")], below=tmp_path)


DATES = profile.load(resources.configs_dir() / "toolchains").folders.dates
MADE = datetime.datetime(2026, 11, 20, 23, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
LATER = MADE + datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("pcupid_20261120", ["pcupid_20261121"]),
        ("2026-11-20/pcupid", ["2026-11-21/pcupid"]),
        ("pcupid_1120", ["pcupid_1121"]),
        ("pcupid_release", []),
    ],
)
def test_midnight_changes_the_name(name: str, wanted: list[str]) -> None:
    """Here it is the next day; in UTC, where the container may live, it is still the same."""
    assert wanted == same_day.names_today(name, MADE, LATER, dates=DATES)


def test_a_day_that_is_about_to_begin_is_linked_too() -> None:
    """The script reads the clock after us: at a second to midnight both names are found."""
    late = datetime.datetime(2026, 11, 21, 23, 59, 59, tzinfo=datetime.UTC)
    names = same_day.names_today("pcupid_20261119", late - datetime.timedelta(days=2), late, dates=DATES)

    assert ["pcupid_20261121", "pcupid_20261122"] == names


def test_another_conversion_under_todays_name_is_not_simulated(tmp_path: Path) -> None:
    """It is somebody else's: refused with the cure, and left alone."""
    made, other = tmp_path / "pcupid_20200101", tmp_path / "pcupid_20261121"
    for folder in (made, other):
        folder.mkdir()
    stamp = datetime.datetime(2020, 1, 1, 12).timestamp()
    os.utime(made, (stamp, stamp))
    now = datetime.datetime(2026, 11, 21, 12).astimezone()
    with (
        pytest.raises(ToolchainError, match="another conversion of today"),
        same_day.under_todays_name(made, tmp_path, dates=DATES, is_same=lambda place: place == made, now=now),
    ):
        pass
    assert {made, other} == set(tmp_path.iterdir())


def test_yesterdays_folder_is_found_under_todays_name_for_a_while(tmp_path: Path) -> None:
    """A link while it is needed, and nothing afterwards."""
    made = tmp_path / "20200101" / "pcupid"
    made.mkdir(parents=True)
    (made / "eat_float.sim").write_text("x")
    stamp = datetime.datetime(2020, 1, 1, 12).timestamp()
    os.utime(made, (stamp, stamp))
    now = datetime.datetime(2026, 11, 21, 12).astimezone()
    with same_day.under_todays_name(made, tmp_path, dates=DATES, is_same=bool, now=now):
        assert "x" == (tmp_path / "20261121" / "pcupid" / "eat_float.sim").read_text()

    assert ["20200101"] == [path.name for path in tmp_path.iterdir()]

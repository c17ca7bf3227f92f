"""Writers at once, writers killed, files that cannot be used, and a database of an earlier version."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from board_runner.errors import InputError, UsageError
from deployer.errors import MachineRefused
from deployer.history import Headline, History, schema
from tests.history.made import bench
from tests.soak.soak_history import Writer, soak

KILLS = 100 if os.environ.get("DEPLOY_SOAK") else 8


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """200 runs each into a file that neither found: 400, each whole."""
    writers = [Writer(tmp_path, name, 200) for name in ("a", "b")]

    said = [id for writer in writers for id in writer.end()]
    read = {entry.id: fields for entry, fields in History(tmp_path).each()}
    assert 400 == len(said) == len(read)
    assert set(said) == set(read)
    assert all(len(fields["samples"]) in (4, 1000) for fields in read.values())


def test_a_killed_writer_loses_nothing_that_it_said_was_saved(tmp_path: Path) -> None:
    """SIGKILL at random points, also while the database is made: none lost, none half there."""
    tally = soak(tmp_path, kills=KILLS, seed=7)

    assert (KILLS, 0) == (tally.kills, tally.lost)
    assert tally.compared >= tally.said


def test_a_database_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    """As an earlier deploy left it: every run and tag is there, reading alone is enough."""
    script = Path(__file__).with_name("version_1.sql").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(tmp_path / "history.db")) as connection:
        connection.executescript(script)
    history = History(tmp_path)

    assert [("old-2", ("golden",)), ("old-1", ())] == [(item.id, item.tags) for item in history.find()]
    assert "eat" == history.record("golden").model
    assert [(4, 1, 25.0, "accuracy", 0.5)] * 2 == [
        (each.runs, each.failed, each.median_ms, each.metric, each.value)
        for each in (item.headline for item in history.find())
    ]
    assert history.add(bench())
    with contextlib.closing(sqlite3.connect(history.path)) as connection:
        assert (schema.VERSION,) == connection.execute("PRAGMA user_version").fetchone()


def test_a_database_of_version_2_is_brought_up_to_date(tmp_path: Path) -> None:
    """Figures that a trend shows are taken from the records; gc takes them with the run."""
    script = Path(__file__).with_name("version_2.sql").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(tmp_path / "history.db")) as connection:
        connection.executescript(script)
    history = History(tmp_path)
    known = Headline(
        runs=4,
        failed=1,
        median_ms=25.0,
        metric="accuracy",
        value=0.5,
        tool_version="0",
        model_sha256="ab" * 32,
    )

    assert {
        "old-2": known,
        "old-1": dataclasses.replace(known, tool_version="0.7", low_ms=20.0, high_ms=30.0, steady=True),
    } == {item.id: item.headline for item in history.find()}
    assert ["old-1"] == history.remove(["old-1", "old-2"])
    with contextlib.closing(sqlite3.connect(history.path)) as connection:
        assert [(1,)] == connection.execute("SELECT count(*) FROM figures").fetchall()
        assert [] == connection.execute("PRAGMA foreign_key_check").fetchall()


def test_a_database_of_a_newer_deploy_is_refused_and_left_alone(history: History) -> None:
    """Neither read nor written half understood."""
    history.add(bench())
    with contextlib.closing(sqlite3.connect(history.path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = history.path.read_bytes()

    for use in (history.find, lambda: history.add(bench("other"))):
        with pytest.raises(UsageError, match="reads up to") as e:
            use()
        assert "upgrade" in e.value.hint
    assert before == history.path.read_bytes()


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A file that lies there by chance is not made ours."""
    path = tmp_path / "history.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.commit()
    before = path.read_bytes()

    with pytest.raises(InputError, match="not a history"):
        History(tmp_path).add(bench())
    assert before == path.read_bytes()


@pytest.mark.parametrize("damage", ["overwritten", "cut", "one letter", "middle"])
def test_a_damaged_database_is_told_with_its_cure(history: History, damage: str) -> None:
    """Whatever was damaged, nothing is made of it, and the message says what to do."""
    for number in range(20):
        history.add(bench(f"run-{number}", invoke_ms=[1.0] * 200, class_ids=[0] * 200))
    data = bytearray(history.path.read_bytes())
    if damage == "overwritten":
        data[:100] = b"#" * 100
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "one letter":
        at = data.rindex(b"rooster")
        data[at] ^= 1
    else:
        data[len(data) // 3 : 2 * len(data) // 3] = bytes(len(data) // 3)
    history.path.write_bytes(data)

    with pytest.raises(InputError, match="damaged") as e:
        list(history.each())
    assert "deploy history import" in e.value.hint
    assert ".recover" in e.value.hint


def test_a_writer_that_waits_too_long_says_for_what(history: History) -> None:
    """Another process in the middle of a change: the wait ends with words, not for ever."""
    history.prepare()
    impatient = History(history.path.parent, busy_s=0.05)
    with contextlib.closing(sqlite3.connect(history.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsageError, match=r"has been writing to it for 0\.05 s"):
            impatient.add(bench())
        assert [] == impatient.find()
        other.execute("ROLLBACK")
    assert impatient.add(bench())


READ_ONLY = """
import sys
from pathlib import Path
from board_runner.errors import DeployError
from deployer.history import History
from tests.history.made import bench
history = History(Path(sys.argv[1]))
print(*[item.id for item in history.find()], *[fields["id"] for _, fields in history.each()])
try:
    history.add(bench("another"))
except DeployError as e:
    print(type(e).__name__, e.exit_code, e.hint)
"""


def _works(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture
def namespace() -> list[str]:
    """Words before a command that give it mounts of its own."""
    for words in (["unshare", "-m"], ["unshare", "-rm"]):
        if shutil.which("unshare") and _works([*words, "true"]):
            return words
    pytest.skip("needs unshare, and the right to mount")


def test_a_read_only_file_system_is_read_and_told(history: History, namespace: list[str]) -> None:
    """What is there can be read; what cannot be kept is an error with its cure."""
    history.add(bench("there"))
    folder = history.path.parent
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    words = [*namespace, "sh", "-c", mount, "sh", str(folder), sys.executable, READ_ONLY]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)

    assert "" == done.stderr
    read, refused = done.stdout.splitlines()
    assert "there there" == read
    assert refused.startswith("MachineRefused 2 see whose it is")
    assert "mounted read-only" in refused


FULL = """
import sys
from pathlib import Path
from deployer.errors import MachineRefused
from deployer.history import History
from tests.history.made import bench
history, said = History(Path(sys.argv[1])), []
try:
    for number in range(1000):
        history.add(bench(f"run-{number}", invoke_ms=[1.0] * 100, class_ids=[0] * 100))
        said.append(f"run-{number}")
except MachineRefused as e:
    print(e.hint)
print(len(said) > 0, said == [entry.id for entry, fields in history.each() if len(fields["samples"]) == 100])
"""


def test_a_full_disk_is_told_and_what_was_saved_stays(tmp_path: Path, namespace: list[str]) -> None:
    """The run that finds no room is refused whole; those before it can be read while the disk is still full."""
    mount = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    words = [*namespace, "sh", "-c", mount, "sh", str(tmp_path), sys.executable, FULL]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)

    assert ("", ["free some room there (`df -h`)", "True True"]) == (done.stderr, done.stdout.splitlines())


def test_where_no_folder_can_be_made_the_error_names_it(tmp_path: Path) -> None:
    """A file where the folder should be: this machine refuses, deploy does not crash."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineRefused, match="file/runs"):
        History(tmp_path / "file" / "runs").add(bench())

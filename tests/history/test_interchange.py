"""Export, import, diff and gc: what goes out comes in, what differs is named, what may go goes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from board_runner.errors import InputError, UsageError
from deployer.history import Filter, History, entry, interchange
from deployer.history.collect import collect
from deployer.history.diff import diff
from tests.history.made import CLIPS, bench


def test_export_and_import_give_the_same_history(three: History, tmp_path: Path) -> None:
    """Records, tags and order; a second import changes nothing."""
    interchange.write(tmp_path / "out", three.each())
    other = History(tmp_path / "other")

    first, second = (interchange.read(other, tmp_path / "out") for _ in range(2))
    assert (3, 0, ()) == (first.added, first.known, first.refused)
    assert (0, 3, ()) == (second.added, second.known, second.refused)
    assert three.find() == other.find()
    assert list(three.each()) == list(other.each())


def test_an_exported_file_is_a_record_file(three: History, tmp_path: Path) -> None:
    """`deploy report FILE` reads it, tags or not."""
    from deployer import records

    for path in interchange.write(tmp_path, three.each()):
        assert three.record(path.stem) == records.load(path)


def test_an_array_is_taken_run_by_run(history: History, tmp_path: Path) -> None:
    """What is no run, or another one under a known id, is told with its place and stops no other."""
    good = dataclasses.asdict(bench())
    items = [
        good,
        7,
        {**good, "model": "kws"},
        {**good, "id": "x", "created": "soon"},
        {**good, "id": "../x"},
    ]
    path = tmp_path / "runs.json"
    path.write_text(json.dumps([*items, {**good, "id": "last", "tags": "no list"}]), encoding="utf-8")

    done = interchange.read(history, path)
    assert (1, 0) == (done.added, done.known)
    assert [f"run {n}" for n in (2, 3, 4, 5, 6)] == [
        line.split(", ")[1].split(":")[0] for line in done.refused
    ]
    assert [good["id"]] == [item.id for item in history.find()]


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_what_is_no_json_is_refused(history: History, tmp_path: Path, text: str) -> None:
    """One clear error, whatever the file holds."""
    (tmp_path / "x.json").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match="not JSON"):
        interchange.read(history, tmp_path / "x.json")


def test_the_difference_of_two_runs_follows_by_hand() -> None:
    """Medians of (10, 30) and (20, 40); every second number is the other clip's."""
    a = bench("a")
    b = bench("b", invoke_ms=(11.0, 20.0, 33.0, 40.0), class_ids=(0, 0, 0, 0), tool_version="1", board="rack")

    found = diff(a, b)
    assert [(20.0, 22.0), (30.0, 30.0)] == [(c.a_median_ms, c.b_median_ms) for c in found.clips]
    assert [pytest.approx(0.1), 0.0] == [c.change for c in found.clips]
    assert {"tool_version": ("0", "1"), "board.name": ("desk", "rack")} == {
        item.what: (item.a, item.b) for item in found.changed
    }


def test_a_difference_has_an_interval_where_the_runs_support_one() -> None:
    """Ten per cent slower throughout, with noise of one: the interval holds it; four samples have none."""
    rng = np.random.default_rng(5)
    times = rng.normal(50.0, 0.5, 80)
    a = bench("a", invoke_ms=times.tolist(), class_ids=[0] * 80)
    b = bench("b", invoke_ms=(rng.permutation(times) * 1.1).tolist(), class_ids=[0] * 80)

    found = diff(a, b).compared
    assert found is not None
    assert 0.08 < found.low < 0.1 < found.high < 0.12
    few = diff(bench("a"), bench("b"))
    assert few.compared is None
    assert "6 runs in both" in str(few.unsure)


def test_an_answer_that_changed_is_a_flip() -> None:
    """The most frequent answer counts; a clip of one run only is named."""
    a = bench("a", invoke_ms=(1.0, 1.0), class_ids=(0, 1))
    b = bench("b", invoke_ms=(1.0, 1.0, 1.0), class_ids=(0, 0, 0))

    found = diff(a, b)
    assert [CLIPS[1]] == [c.clip for c in found.flips]
    alone = dataclasses.replace(b, samples=b.samples[:1])
    assert (CLIPS[1],) == diff(a, alone).only_in_a == diff(alone, a).only_in_b
    assert () == diff(a, dataclasses.replace(b, samples=())).clips


def test_gc_takes_what_is_old_and_surplus_and_leaves_what_is_tagged(three: History) -> None:
    """By count, by age, by both; --dry-run only says it."""
    march = entry.moment_s("2026-03-01T00:00:00+00:00")

    def ends(*, keep: int | None = None, before_s: float | None = None, chosen: Filter | None = None) -> str:
        done = collect(three, chosen or Filter(), keep=keep, before_s=before_s, dry_run=True)
        assert 3 == done.kept + len(done.removed) or chosen is not None
        return "".join(item.id[-1] for item in done.removed)

    assert "31" == ends(keep=0)
    assert "1" == ends(keep=1) == ends(before_s=march) == ends(keep=2, before_s=march)
    assert "" == ends(keep=3, before_s=march) == ends(chosen=Filter(board="rack"), keep=0)
    assert 3 == len(three.find())
    done = collect(three, Filter(), keep=0)
    assert (2, 1, 1) == (len(done.removed), done.tagged, done.kept)
    assert ["golden"] == [tag for item in three.find() for tag in item.tags]
    with pytest.raises(UsageError, match="what may go"):
        collect(three, Filter())


def test_a_record_that_the_history_refuses_is_kept_beside_it(history: History) -> None:
    """A bench that took an hour is not lost to a damaged database; the error says where it is."""
    history.prepare()
    history.path.write_bytes(b"no database" * 1000)

    with pytest.raises(InputError, match="is kept in") as e:
        interchange.keep(history, bench())
    assert "deploy history import" in e.value.hint
    history.path.unlink()
    assert bench() == history.record()

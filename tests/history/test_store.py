"""The history keeps what it is given, finds it again, and says what it cannot do."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from board_runner.errors import InputError, UsageError
from deployer.errors import MissingArtifact
from deployer.events import Event, Warned
from deployer.history import Filter, History, entry
from tests.history.made import bench


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A record of a kind that the history has never heard of, on no board."""

    id: str
    created: str
    kind: str = "eval"
    model: str = "eat"
    board: None = None
    accuracy: float = 0.5


def test_what_is_added_is_read_back_whole(history: History) -> None:
    """Every field, text beyond ASCII too."""
    record = bench()

    assert history.add(record)
    assert record == history.record(record.id) == history.record("latest") == history.record()


def test_the_same_record_twice_is_one_run(history: History) -> None:
    """A second time nothing happens; another record of the same id is refused and changes nothing."""
    record = bench()
    history.add(record)

    assert not history.add(record)
    with pytest.raises(UsageError, match="another run"):
        history.add(dataclasses.replace(record, model="kws"))
    assert ["eat"] == [item.model for item in history.find()]


def test_a_record_of_any_kind_is_kept(history: History) -> None:
    """Kinds without a board fit in, and are not taken for benches."""
    history.add(bench())
    history.add(Evaluation(id="20260401-000000-eval-0001", created="2026-04-01T00:00:00+00:00"))

    assert 0.5 == history.fields("latest")["accuracy"]
    assert [None] == [item.board for item in history.find(Filter(kinds=("eval",)))]
    assert "bench" == history.record().kind
    with pytest.raises(UsageError, match="of kind 'eval'"):
        history.record("20260401")


@pytest.mark.parametrize(
    ("chosen", "ends"),
    [
        (Filter(), ["3", "2", "1"]),
        (Filter(board="desk"), ["3", "1"]),
        (Filter(chip="maruko"), ["2"]),
        (Filter(model="kws"), ["3"]),
        (Filter(kinds=("bench", "run")), ["3", "2", "1"]),
        (Filter(kinds=("run",)), []),
        (Filter(tag="golden"), ["2"]),
        (Filter(board="desk", model="eat"), ["1"]),
        (Filter(since_s=entry.moment_s("2026-02-10T00:00:00+00:00")), ["3", "2"]),
        (Filter(until_s=entry.moment_s("2026-02-10T00:00:00+00:00")), ["1"]),
        (Filter(board="' OR 1=1 --"), []),
    ],
)
def test_runs_are_found_by_what_is_known_of_them(three: History, chosen: Filter, ends: list[str]) -> None:
    """Newest first; several conditions all hold; the end of a time span is not in it."""
    assert ends == [item.id[-1] for item in three.find(chosen)]
    assert ends[:1] == [item.id[-1] for item in three.find(chosen, limit=1)]


def test_a_run_has_several_names(three: History) -> None:
    """An id, its beginning, a tag; what fits several or none is refused with a cure."""
    assert "20260210-000000-bench-0002" == three.entry("golden").id == three.entry("202602").id
    three.tag("202601", ["golden"])
    assert "20260210-000000-bench-0002" == three.entry("golden").id
    with pytest.raises(UsageError, match="fits 3"):
        three.entry("2026")
    with pytest.raises(MissingArtifact, match="no run '1999'") as e:
        three.entry("1999")
    assert "deploy history" in e.value.hint


def test_an_empty_name_is_no_run(three: History) -> None:
    """`deploy history tag "$RUN" golden` with a variable never set takes no run for another."""
    with pytest.raises(UsageError, match="empty"):
        History(three.path.parent).entry("")


def test_wildcards_of_sql_are_plain_letters(three: History) -> None:
    """A beginning is compared, not matched."""
    for wanted in ("%", "_", "2026%", "*"):
        with pytest.raises(MissingArtifact):
            three.entry(wanted)


def test_tags_come_and_go(three: History) -> None:
    """A tag given twice is one; one that is not there cannot be taken."""
    assert ("a.b", "v1") == three.tag("202601", ["v1", "a.b", "v1"]).tags
    assert ("v1",) == three.untag("202601", ["a.b"]).tags
    with pytest.raises(UsageError, match=r"no tag a\.b"):
        three.untag("202601", ["a.b"])


@pytest.mark.parametrize("name", ["", "latest", "../up", "a b", "-x", "ä", "a" * 129, "x\n"])
def test_names_that_would_do_harm_are_refused(three: History, name: str) -> None:
    """Neither an id nor a tag is a path, an option or a word of ours."""
    with pytest.raises(InputError):
        three.tag("202601", [name])
    with pytest.raises(InputError):
        three.add(bench(name))
    assert 3 == len(three.find())


def test_reading_makes_nothing(tmp_path: Path) -> None:
    """A project without runs stays as it is."""
    history = History(tmp_path / "runs")

    assert [] == history.find()
    with pytest.raises(MissingArtifact, match="no run yet"):
        history.record()
    assert [] == list(tmp_path.iterdir())


def test_record_files_of_an_earlier_deploy_are_taken_in_once(tmp_path: Path) -> None:
    """At the first reading; a file that is no record is named and stays; removed runs do not come back."""
    records = [bench(), bench("20260102-000000-bench-0000", created="2026-01-02T00:00:00+00:00")]
    for record in records:
        path = tmp_path / f"{record.id}.json"
        path.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
    (tmp_path / "broken.json").write_text('{"id": 1}', encoding="utf-8")
    told: list[Event] = []
    history = History(tmp_path, emit=told.append)

    assert records == [history.record(item.id) for item in reversed(history.find())]
    assert ["broken.json" in event.message for event in told if isinstance(event, Warned)] == [True]
    history.remove([records[0].id])
    assert [records[1].id] == [item.id for item in History(tmp_path).find()]


@pytest.mark.parametrize(
    ("text", "end", "seconds"),
    [
        ("1970-01-02T00:00:00+00:00", False, 86400.0),
        ("1970-01-02T01:00:00+01:00", True, 86400.0),
        ("7d", False, 1e9 - 7 * 86400),
        ("12h", True, 1e9 - 12 * 3600),
        ("2w", False, 1e9 - 14 * 86400),
        ("1.5min", False, 1e9 - 90),
    ],
)
def test_moments_are_dates_or_ages(text: str, end: bool, seconds: float) -> None:
    """Offsets count, ages go back from now."""
    import datetime

    now = datetime.datetime.fromtimestamp(1e9, datetime.UTC)
    assert seconds == entry.moment_s(text, end=end, now=now)


def test_a_day_ends_where_the_next_begins() -> None:
    """`--until 2026-02-28` holds the whole day; what is no date is refused."""
    assert entry.moment_s("2026-02-28", end=True) == entry.moment_s("2026-03-01")
    for text in ("yesterday", "2026-13-01", "7", "-7d", "", "9999-12-31T99:00"):
        with pytest.raises(UsageError, match="no date"):
            entry.moment_s(text)

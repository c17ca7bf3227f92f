"""A long history in pages: any order, any filter, each run once."""

from __future__ import annotations

import pytest

from deployer.history import Filter, History
from deployer.history.entry import Columns, Order, Series
from tests.history.made import bench


@pytest.fixture
def many(history: History) -> History:
    """Forty benches of two boards and two models; every fourth has no time at all."""
    history.add_all(
        Columns.of(
            bench(
                f"run-{n:02d}",
                created=f"2026-01-01T00:{n:02d}:00+00:00",
                board=("desk", "rack")[n % 2],
                model=("eat", "kws")[n // 20],
                invoke_ms=() if n % 4 == 3 else (float(n * 7 % 40 + 1),) * 2,
                class_ids=() if n % 4 == 3 else (0, 1),
            )
        )
        for n in range(40)
    )
    return history


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", ["created", "model", "board", "chip", "runs", "failed", "median", "value"])
def test_pages_hold_each_run_once_in_the_order_asked_for(
    many: History, order: Order, descending: bool
) -> None:
    """Seven at a time: what sorting all of them in Python gives, those without the value last."""

    def value(item: object) -> object:
        found = getattr(item, order, None)
        headline = item.headline  # type: ignore[attr-defined]
        return {"median": headline.median_ms}.get(order, getattr(headline, order, found))

    pages = [
        many.find(limit=7, offset=offset, order=order, descending=descending) for offset in range(0, 42, 7)
    ]
    ids = [item.id for page in pages for item in page]
    values = [value(item) for page in pages for item in page]
    known = [each for each in values if each is not None]

    assert (40, 40) == (len(ids), len(set(ids)))
    assert sorted(known, reverse=descending) == known  # type: ignore[type-var]
    assert values == known + [None] * (40 - len(known))


def test_a_count_agrees_with_the_list(many: History) -> None:
    """For all runs and for a filter."""
    chosen = Filter(board="desk", model="kws")

    assert (40, 10) == (many.count(), many.count(chosen))
    assert many.count(chosen) == len(many.find(chosen))


def test_what_can_be_filtered_by_is_told(many: History) -> None:
    """Boards, chips, models, kinds and tags, each once and sorted; nothing in an empty history."""
    many.tag("run-01", ["golden", "a"])

    found = many.choices()
    assert (("desk", "rack"), ("pcupid",), ("eat", "kws")) == (found.boards, found.chips, found.models)
    assert (("bench",), ("a", "golden")) == (found.kinds, found.tags)
    assert [10, 10, 10, 10] == [each.runs for each in many.series()]
    assert [Series(model="eat", board="rack", runs=10)] == many.series(Filter(model="eat", board="rack"))


def test_an_empty_history_has_nothing_and_is_not_made(history: History) -> None:
    """Asking makes no file."""
    assert ((), 0, []) == (history.choices().boards, history.count(), history.series())
    assert not history.path.exists()

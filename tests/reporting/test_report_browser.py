"""The page in a real Chromium, headless and without a network: what a reader sees, clicks and types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.layers.report import LayerReport
from deployer.reporting import html, stages
from deployer.reporting.page import page
from tests.browser import DESKTOP, PHONE, Opened, chromium
from tests.reporting import made

__all__ = ["chromium"]  # a fixture


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """250 clips of two runs: the clip numbered i takes more than the ones before it, most of the time."""
    path = tmp_path_factory.mktemp("report") / "long.html"
    path.write_text(html.as_html(page([made.long(clips=250, runs=2)])), encoding="utf-8")
    return path


@pytest.fixture
def evil_file(tmp_path: Path, stages_json: dict[str, Any], layers: LayerReport) -> Path:
    """Every part of a page, and names that mean harm."""
    path = tmp_path / "evil.html"
    whole = page([made.record()], [stages.parse(stages_json, "x")], [layers], [made.evaluation()])
    path.write_text(html.as_html(whole), encoding="utf-8")
    return path


class Seen(Opened):
    """A report that is open, without a network."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        super().__init__(browser, file.as_uri(), offline=True, **options)

    def column(self, number: int) -> list[str]:
        """What stands in a column of the clips' table, from 0."""
        found: list[str] = self.page.locator(
            f"#run1-clip-table tbody tr > :nth-child({number + 1})"
        ).all_inner_texts()
        return found

    def heading(self, name: str) -> Any:
        """The button in the heading of a column."""
        return self.page.locator("#run1-clip-table thead").get_by_role("button", name=name, exact=True)

    @property
    def status(self) -> str:
        """What the table says of its rows."""
        text: str = self.page.locator("#run1-clip-table [role=status]").inner_text()
        return text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_page_opens_without_a_word_and_without_a_request(
    chromium: Any, evil_file: Path, scheme: str, viewport: dict[str, int]
) -> None:
    """No error, no dialog of a planted script, nothing asked of any server, no sideways scrolling of the page."""
    with Seen(chromium, evil_file, color_scheme=scheme, viewport=viewport) as seen:
        width = seen.page.evaluate("document.documentElement.scrollWidth")

        assert [] == seen.said
        assert [evil_file.as_uri()] == [url for url in seen.asked if not url.startswith("data:")]
        assert width <= viewport["width"]


def test_names_are_shown_as_they_are(chromium: Any, evil_file: Path) -> None:
    """A clip named like a script reads so in the table, also after the table was built anew."""
    with Seen(chromium, evil_file) as seen:
        before = seen.column(0)
        seen.heading("clip").click()
        seen.heading("clip").click()

        assert made.EVIL in before
        assert sorted(before) == sorted(seen.column(0))
        assert 1 == seen.page.evaluate("[...document.scripts].filter(s => !s.type).length")
        assert [] == seen.said


def test_what_stands_in_the_file_is_what_scripts_show(chromium: Any, evil_file: Path) -> None:
    """The rows of the HTML and those made from the data are the same to a reader."""
    with Seen(chromium, evil_file, java_script_enabled=False) as seen:
        standing = [seen.column(number) for number in range(12)]
    with Seen(chromium, evil_file) as seen:
        made_anew = seen.page.evaluate(
            "document.querySelectorAll('#run1-clip-table tbody tr').forEach(row => row.remove())"
        )
        seen.heading("clip").click()
        shown = [seen.column(number) for number in range(12)]

    assert made_anew is None
    order = [shown[0].index(clip) for clip in standing[0]]
    assert standing == [[column[at] for at in order] for column in shown]


def test_a_click_sorts_and_a_second_one_turns_it_round(chromium: Any, file: Path) -> None:
    """All 250 rows, not those on the screen; the heading says how for those who do not see the arrow."""
    with Seen(chromium, file) as seen:
        seen.heading("median").click()
        falling = [float(text) for text in seen.column(7)]
        said = seen.heading("median").locator("xpath=..").get_attribute("aria-sort")
        seen.heading("median").click()
        rising = [float(text) for text in seen.column(7)]

        assert ("descending", 25) == (said, len(falling))
        assert sorted(falling, reverse=True) == falling
        assert sorted(rising) == rising
        assert rising[-1] < falling[-1]
        assert "by median, ascending" in seen.status
        assert 1 == seen.page.locator("[aria-sort]").count()


def test_names_sort_as_people_count(chromium: Any, file: Path) -> None:
    """clip-2 comes before clip-10."""
    with Seen(chromium, file) as seen:
        seen.heading("clip").click()

        assert [f"clip-{i}-A-{i % 4}.wav" for i in range(25)] == seen.column(0)


def test_filters_narrow_and_say_how_many_are_left(chromium: Any, file: Path) -> None:
    """By text and by verdict, both at once; what fits nothing says so."""
    with Seen(chromium, file) as seen:
        seen.page.get_by_label("Verdict").select_option("wrong")
        assert "of 25 (250 in all)" in seen.status
        assert {"wrong"} == set(seen.column(1))

        seen.page.get_by_label("Find").fill("CLIP-10")
        assert {"clip-10-A-2.wav", "clip-100-A-0.wav"} == set(seen.column(0))

        seen.page.get_by_label("Find").fill("nothing like it")
        assert ([], "No row fits the filter (250 in all)") == (seen.column(0), seen.status)


def test_pages_are_turned_and_hold_as_many_rows_as_asked(chromium: Any, file: Path) -> None:
    """The next page follows on the one before; a step beyond the end stays there."""
    with Seen(chromium, file) as seen:
        bar = seen.page.locator("#run1-clip-table .pager")
        first = seen.column(0)
        bar.get_by_role("button", name="Next").click()
        assert not set(first) & set(seen.column(0))
        assert "Rows 26 to 50 of 250" == seen.status

        seen.page.locator("#run1-clip-table").get_by_label("Rows").select_option("100")
        for _ in range(4):
            bar.get_by_role("button", name="Next").click(force=True)  # also where it says that it is disabled
        assert ("Rows 201 to 250 of 250", 50) == (seen.status, len(seen.column(0)))
        assert "true" == bar.get_by_role("button", name="Next").get_attribute("aria-disabled")


def test_all_of_it_works_from_the_keyboard(chromium: Any, file: Path) -> None:
    """Tab reaches skip link, filter and headings in order; Enter and the space bar do what a click does."""
    with Seen(chromium, file) as seen:

        def focused() -> str:
            text: str = seen.page.evaluate("document.activeElement.innerText || document.activeElement.type")
            return text.strip()

        seen.page.keyboard.press("Tab")
        assert "Skip to the content" == focused()
        seen.page.keyboard.press("Enter")
        while focused() != "search":
            seen.page.keyboard.press("Tab")
        seen.page.keyboard.type("clip-7-")
        assert ["clip-7-A-3.wav"] == seen.column(0)
        seen.page.keyboard.press("Control+A")
        seen.page.keyboard.press("Delete")
        while focused() != "clip":
            seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        assert "by clip, ascending" in seen.status
        seen.page.keyboard.press("Space")
        assert "by clip, descending" in seen.status
        assert "clip" == focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(chromium: Any, evil_file: Path, scheme: str) -> None:
    """Names, roles, order of headings, contrast: the rules of axe-core, all of them."""
    with Seen(chromium, evil_file, color_scheme=scheme) as seen:
        seen.heading("median").click()

        assert [] == seen.violations()


def test_axe_has_nothing_against_several_runs(chromium: Any, tmp_path: Path) -> None:
    """Sections that come once a run are told apart."""
    path = tmp_path / "two.html"
    path.write_text(html.as_html(page([made.record(), made.record(board="rack")])), encoding="utf-8")
    with Seen(chromium, path) as seen:
        assert [] == seen.violations()


def test_paper_is_light_and_holds_more_than_a_screen(chromium: Any, file: Path) -> None:
    """Printed in the dark all the same: black on white, no buttons, every row, several sheets."""
    with Seen(chromium, file, color_scheme="dark") as seen:
        seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        rows = len(seen.column(0))
        seen.page.emulate_media(media="print")
        ground, controls = seen.page.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector('.controls')).display]"
        )
        pdf = seen.page.pdf(format="A4")
        seen.page.evaluate("dispatchEvent(new Event('afterprint'))")

        assert (250, "rgb(255, 255, 255)", "none") == (rows, ground, controls)
        assert pdf.startswith(b"%PDF")
        assert 25 == len(seen.column(0))


def test_without_scripts_the_page_is_still_a_report(chromium: Any, file: Path) -> None:
    """Figures, plots and the first rows; a line says that there are more."""
    with Seen(chromium, file, java_script_enabled=False) as seen:
        assert 100 == len(seen.column(0))
        assert seen.page.get_by_text("The first 100 of 250 rows").is_visible()
        assert not seen.page.locator(".controls").first.is_visible()

"""The pages in a real Chromium: what a reader sees, clicks and types, with scripts and without."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.events import Advanced, Started, Warned
from deployer.history.entry import Columns
from deployer.project import Project
from deployer.serving.server import listening
from deployer.settings import config
from deployer.under_way.telling import Teller
from tests.browser import DESKTOP, PHONE, Opened, chromium
from tests.serving import made
from tests.serving.conftest import Running, until

__all__ = ["chromium"]  # a fixture

PATHS = (
    "",
    "?board=desk&sort=median",
    "trends?model=eat",
    "diff?a=000010&b=000036",
    "running",
    "runs/000010",
)


class Site:
    """A server that runs, and a command that tells it how far it is."""

    def __init__(self, url: str, project: Project) -> None:
        self.url, self.project = url, project
        self.begin()

    def begin(self) -> None:
        """Another command."""
        self.teller = Teller(self.project.deployment.state_dir, command="bench", model="eat")

    def tell(self, done: int, *, failed: int = 0) -> None:
        """The bench on desk is so far; a step that begins is told at once, so each is one of its own."""
        self.teller.take(Started(step="bench", total=100 + failed, unit="runs"), board="desk")
        until(lambda: self._advanced(done, failed))

    def _advanced(self, done: int, failed: int) -> bool:
        from deployer.under_way.reading import read

        self.teller.take(
            Advanced(
                step="bench", done=done, total=100 + failed, note="1.wav", failed=failed, median_ms=41.25
            ),
            board="desk",
        )
        return read(self.project.deployment.state_dir)[0].told.tasks[0].done == done


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """130 benches, so that the list has three pages; evaluations; names that mean harm; a bench that runs."""
    project = Project(config.load(None, start=tmp_path_factory.mktemp("site")))
    history = project.history()
    history.add_all(Columns.of(record) for record in made.course(130, samples=20))
    history.add_all([Columns.of(made.evil()), *made.evaluations()])
    history.tag("000010", ["golden"])
    with listening(project) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        site = Site(server.url, project)
        site.tell(10)
        site.teller.take(Warned(step="bench", message=made.EVIL), board="desk")
        try:
            yield site
        finally:
            server.stop()
            thread.join()


@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", DESKTOP), ("dark", PHONE)], ids=["desktop", "phone"]
)
def test_every_page_is_quiet_fits_and_can_be_read_by_everybody(
    chromium: Any, site: Site, scheme: str, viewport: dict[str, int]
) -> None:
    """No error, no refused style, nothing asked of others, no sideways scrolling, nothing that axe-core finds."""
    for path in PATHS:
        with Opened(chromium, site.url + path, color_scheme=scheme, viewport=viewport) as seen:
            elsewhere = [url for url in seen.asked if not url.startswith((site.url, "data:"))]

            assert ([], []) == (seen.said, elsewhere), path
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
            assert [] == seen.violations(), path


@pytest.mark.parametrize("scripts", [True, False])
def test_the_list_is_filtered_sorted_and_turned(chromium: Any, site: Site, scripts: bool) -> None:
    """By mouse and keyboard, the same without scripts; the address can be sent to somebody else."""
    with Opened(chromium, site.url, java_script_enabled=scripts) as seen:
        page = seen.page
        page.get_by_role("link", name="Next").click()
        assert "Runs 51 to 100 of 134" in page.get_by_role("status").inner_text()
        page.get_by_label("Board").select_option("rack")
        page.get_by_label("Since").fill("2026-01-15")
        page.get_by_label("Since").press("Enter")
        assert "Runs 1 to 50 of 58" in page.get_by_role("status").inner_text()
        page.get_by_role("link", name="median ms").click()
        page.get_by_role("link", name="median ms").click()
        cells = page.locator("table.runs tbody td:nth-child(10)").all_inner_texts()
        medians = [float(text.split()[-1]) for text in cells]

        assert sorted(medians) == medians
        assert {"rack"} == set(page.locator("table.runs tbody td:nth-child(6)").all_inner_texts())
        assert 1 == page.locator("[aria-sort=ascending]").count()
        with Opened(chromium, page.url) as other:
            assert cells == other.page.locator("table.runs tbody td:nth-child(10)").all_inner_texts()


def test_two_runs_are_chosen_and_compared(chromium: Any, site: Site) -> None:
    """Two boxes and a button; the table of clips sorts and finds as the report's does."""
    with Opened(chromium, f"{site.url}?board=desk") as seen:
        page = seen.page
        page.get_by_label("compare 000128-bench-desk").check()
        page.get_by_label("compare 000126-bench-desk").press("Space")
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("button", name="change, %").click()
        assert "by change, %, descending" in page.locator("#diff-table1 [role=status]").inner_text()
        page.get_by_label("Answer").select_option("flipped")
        flipped = page.locator("#diff-table1 tbody tr").count()
        tile = page.get_by_text(" of 2 clips").inner_text()

        assert str(flipped) == tile.split()[0]
        page.get_by_role("link", name="000126-bench-desk").click()
        assert "deploy report" in page.title()
        page.get_by_role("link", name="Trends").click()
        assert [] == seen.said


def test_what_runs_is_seen_to_go_on(chromium: Any, site: Site) -> None:
    """The page shows each step by itself, keeps the focus, and says aloud only what begins and ends."""
    site.tell(20)
    with Opened(chromium, f"{site.url}running") as seen:
        page = seen.page
        page.get_by_text("20 of 100 runs").wait_for()
        said = page.locator("#said").inner_text()
        page.get_by_role("link", name="000129-bench-rack").focus()
        site.tell(57, failed=3)
        page.get_by_text("57 of 103 runs").wait_for()
        page.get_by_text("41.250").wait_for()

        assert "000129-bench-rack" == page.evaluate("document.activeElement.textContent")
        assert ("1 under way: bench on desk.", said) == (said, page.locator("#said").inner_text())
        assert page.get_by_text(made.EVIL).first.is_visible()
        site.teller.close()
        page.get_by_text("Nothing runs.", exact=True).wait_for()
        assert [] == seen.said
    site.begin()
    site.tell(10)


def test_without_scripts_the_page_of_what_runs_looks_again_by_itself(chromium: Any, site: Site) -> None:
    """A refresh of the whole page, so that it goes on all the same."""
    site.tell(30)
    with Opened(chromium, f"{site.url}running", java_script_enabled=False) as seen:
        seen.page.get_by_text("30 of 100 runs").wait_for()
        site.tell(31)
        seen.page.get_by_text("31 of 100 runs").wait_for()


def test_a_server_that_goes_is_said_on_the_page(chromium: Any, tmp_path: Path) -> None:
    """What is shown may be old then."""
    with (tmp_path / "served").open("wb") as file:
        server = Running("serve", "--json", cwd=tmp_path, stdout=file)
    url = json.loads(until((tmp_path / "served").read_text))["url"]
    with Opened(chromium, f"{url}running") as seen:
        seen.page.get_by_text("Nothing runs.", exact=True).wait_for()
        assert 0 == server.end()
        seen.page.get_by_text("The server does not answer").wait_for()
    assert server.process.stderr is not None
    server.process.stderr.close()


def test_paper_is_light_and_has_no_controls(chromium: Any, site: Site) -> None:
    """Printed in the dark all the same: black on white, no filter, no boxes."""
    with Opened(chromium, site.url, color_scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        ground, form, box = seen.page.evaluate(
            "['body', '.filter', '.runs td'].map((each, i) => {"
            " const style = getComputedStyle(document.querySelector(each));"
            " return i ? style.display : style.backgroundColor; })"
        )

        assert ("rgb(255, 255, 255)", "none", "none") == (ground, form, box)
        assert seen.page.pdf(format="A4").startswith(b"%PDF")

"""The page of a bench of ten thousand runs: its size, the time to write it, and to use it in Chromium.

    PYTHONPATH=. python tests/bench/bench_report.py [--runs 10000] [--rounds 5]

`ready` is the time from the start of the navigation to a page whose tables answer, by the browser's own
clock; `sort` and `filter` are a click and a typed word until the table shows the result. Medians of the rounds.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from deployer.reporting import html
from deployer.reporting.page import page
from tests.reporting import made

SORT = """() => {
  const began = performance.now();
  document.querySelectorAll("#run1-clip-table thead button")[7].click();
  document.body.getBoundingClientRect();
  return performance.now() - began;
}"""

FILTER = """() => {
  const began = performance.now();
  const find = document.querySelector("#run1-clip-table input");
  find.value = "clip-7";
  find.dispatchEvent(new Event("input"));
  document.body.getBoundingClientRect();
  return performance.now() - began;
}"""

READY = "() => performance.getEntriesByName('deploy-report-ready')[0].startTime"


def main() -> None:
    """A row a shape of the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(
        f"{'clips':>6} {'runs each':>9} {'bytes':>9} {'written s':>9} {'ready ms':>9} {'sort ms':>8} filter ms"
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"))
        for clips in (10, 400, asked.runs):
            path = Path(folder) / f"{clips}.html"
            record = made.long(clips=clips, runs=asked.runs // clips)
            began = time.perf_counter()
            path.write_text(html.as_html(page([record])), encoding="utf-8")
            took_s = time.perf_counter() - began
            ready, sort, find = (
                statistics.median(column)
                for column in zip(*(_visit(browser, path) for _ in range(asked.rounds)), strict=True)
            )
            size = path.stat().st_size
            print(
                f"{clips:6} {asked.runs // clips:9} {size:9} {took_s:9.1f} {ready:9.0f} {sort:8.0f} {find:9.0f}"
            )
        browser.close()


def _visit(browser: Any, path: Path) -> tuple[float, float, float]:
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.goto(path.as_uri())
    found = tuple(float(opened.evaluate(script)) for script in (READY, SORT, FILTER))
    context.close()
    return found[0], found[1], found[2]


if __name__ == "__main__":
    main()

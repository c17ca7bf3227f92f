"""The page as a file: whole, small, asks for nothing, and takes every name as data."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from deployer.layers.report import LayerReport
from deployer.records import RunRecord
from deployer.reporting import html, stages
from deployer.reporting.confusion import from_counts
from deployer.reporting.figures import latency, matrix, timeline
from deployer.reporting.page import Page, page
from tests.reporting import made

VOID = {"meta", "link", "input", "br", "img", "hr"}
LENIENT = {"li"}  # their end tags may be left out


class Elements(HTMLParser):
    """Every start tag with its attributes; what is not closed in order is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, dict(attrs)))
        if tag not in VOID | LENIENT:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One of an SVG."""
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """The innermost open one."""
        if tag not in LENIENT:
            assert self._open.pop() == tag


@pytest.fixture
def whole(record: RunRecord, stages_json: dict[str, Any], layers: LayerReport) -> Page:
    """Everything that a page can show."""
    return page([record], [stages.parse(stages_json, "x")], [layers], [made.evaluation()])


def test_the_page_is_well_formed_and_its_ids_are_unique(whole: Page) -> None:
    """Tags close in order, no id comes twice, and every reference has its target."""
    elements = Elements(html.as_html(whole)).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]

    assert len(ids) == len(set(ids))
    for tag, attributes in elements:
        wanted = (attributes.get("aria-labelledby") or "").split()
        if tag in ("a", "use") and (attributes.get("href") or "").startswith("#"):
            wanted.append(str(attributes["href"])[1:])
        assert set(wanted) <= set(ids), (tag, attributes)


def test_names_are_data(whole: Page) -> None:
    """A script in a clip's name, a label, a setting or a board's words is text, in the HTML and in the data."""
    text = html.as_html(whole)
    elements = Elements(text).found

    assert 1 == sum(tag == "script" and "type" not in attributes for tag, attributes in elements)
    assert not [tag for tag, _ in elements if tag in ("b", "img")]
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert "alert(1)</script>" not in text
    assert "\x1b" not in text


def test_the_page_asks_the_network_for_nothing(whole: Page) -> None:
    """No address of anything outside, and a policy that would forbid it; only our script may run."""
    text = html.as_html(whole)
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)

    assert script is not None
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1].replace("&#39;", "'")
    assert "default-src 'none'" in policy[1].replace("&#39;", "'")
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert not re.search(r"https?://", text)


def test_several_runs_are_one_page(record: RunRecord) -> None:
    """An overview, then a section a run, whose ids do not meet."""
    text = html.as_html(page([record, made.record(id="20260102-000000-bench-0000", board="rack")]))
    elements = Elements(text).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert {"runs", "run1", "run2", "runs-times-title"} <= set(ids)
    assert "Medians: 1: 20.000 ms, 2: 20.000 ms." in text


def test_the_worst_clips_are_in_the_page(record: RunRecord, tmp_path: Path) -> None:
    """With a player each, a run's and an evaluation's, and no more of them than were asked for."""
    tone = np.sin(np.arange(8000) / 3).astype(np.float32)
    for name in (made.MIXED, "1.wav"):
        soundfile.write(tmp_path / name, tone, 16000, subtype="PCM_16")
    plain = page([dataclasses.replace(record, sha256={})], evaluations=[made.evaluation()])

    players = [a for tag, a in Elements(html.as_html(plain, chosen_dir=tmp_path)).found if tag == "audio"]
    assert [made.MIXED, f"1-{made.EVIL}"] == [attributes["aria-label"] for attributes in players]
    assert all(str(attributes["src"]).startswith("data:audio/ogg") for attributes in players)
    assert "<audio" not in html.as_html(plain, chosen_dir=tmp_path, clips=0)


def test_a_record_without_samples_still_makes_a_page(record: RunRecord) -> None:
    """A bench in which nothing worked says so."""
    text = html.as_html(page([dataclasses.replace(record, samples=())]))

    assert "No run gave a result." in text
    assert Elements(text)


def test_ten_thousand_runs_stay_below_three_megabytes() -> None:
    """Of one run a clip, which is the most that a table can hold."""
    assert len(html.as_html(page([made.long(clips=10_000, runs=1)])).encode()) < 3_000_000


def test_a_figure_takes_its_colours_from_the_page(record: RunRecord) -> None:
    """No colour of its own is left, so that dark and light both fit; text stays text."""
    plot = latency.histogram(record, name="x")

    assert not re.findall(r"#[0-9a-f]{6}\b", re.sub(r'(?:id|href|clip-path)="[^"]*"', "", plot.svg))
    assert "var(--accent)" in plot.svg
    assert "invoke time, ms</text>" in plot.svg
    assert "of them take 20.000 ms or less." in plot.caption


def test_figures_are_the_same_for_the_same_record(record: RunRecord) -> None:
    """No date and no random id: a report can be compared with the one before."""
    assert timeline.timeline(record, name="x") == timeline.timeline(record, name="x")


def test_the_timeline_hides_no_extreme(record: RunRecord) -> None:
    """Of ten thousand runs one that took ten times as long stands in the drawing, thinned or not."""
    many = made.long(clips=10, runs=1000)
    slow = dataclasses.replace(many.samples[5000], invoke_ms=400.0)
    spiked = dataclasses.replace(many, samples=(*many.samples[:5000], slow, *many.samples[5001:]))
    plots = [timeline.timeline(each, name="x") for each in (many, spiked)]

    tops = [max(float(label) for label in re.findall(r">(\d+)</text>", plot.svg)) for plot in plots if plot]
    assert len(plots[1].svg if plots[1] else "") < 100_000
    assert tops[1] >= 400


def test_names_of_any_script_and_length_are_drawn(record: RunRecord) -> None:
    """Chinese clips, boards and labels, and names of hundreds of letters: no warning, and the text is there."""
    labels = tuple(f"{'鸟' * 300}{i}" for i in range(20))
    samples = tuple(
        dataclasses.replace(record.samples[0], clip=f"狗吠{i}.wav", class_id=i, run=run)
        for i in range(20)
        for run in (1, 2)
    )
    board = dataclasses.replace(record.board, name="板" * 300)
    named = dataclasses.replace(
        record,
        samples=samples,
        labels=labels,
        board=board,
        targets={s.clip: s.class_id or 0 for s in samples},
    )

    text = html.as_html(page([named, named]))
    assert "狗吠7.wav</text>" in text
    assert f"{'鸟' * 11}" in text


def test_a_large_matrix_is_drawn_by_what_came_up() -> None:
    """A hundred classes: squares for pairs that came up, none for the ten thousand that did not."""
    counts = {(i, i): 9 for i in range(100)} | {(3, 5): 1}
    found = matrix.matrix(from_counts(counts, ()), name="x")

    assert len(found.svg) < 60_000
    assert "900 of 901 clips lie on the diagonal" in found.caption
    assert "3 taken for 5, 1 times" in found.caption


def test_a_page_from_one_sample_only(record: RunRecord) -> None:
    """`deploy run` keeps one; there is no course to draw, and nothing divides by a spread of zero."""
    one = dataclasses.replace(record, samples=record.samples[:1], failures=())

    text = html.as_html(page([one]))
    assert "In the order of the runs" not in text
    assert np.isfinite(one.samples[0].invoke_ms)

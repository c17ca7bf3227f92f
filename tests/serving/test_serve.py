"""The pages as an HTTP client gets them from a real server on loopback: what is shown, and who is turned away."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from board_runner.errors import UsageError
from deployer.errors import MachineRefused
from deployer.history.entry import Columns
from deployer.project import Project
from deployer.serving import guard
from deployer.serving.server import listening
from deployer.settings import config
from tests.serving import made


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


class Site:
    """A server that runs."""

    def __init__(self, url: str, project: Project) -> None:
        self.url, self.project = url, project

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """One request over a connection of its own."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            text = response.read().decode()
            return Answer(status=response.status, headers=dict(response.getheaders()), text=text)
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """A JSON page."""
        answer = self.ask(path)
        assert 200 == answer.status, answer.text
        return json.loads(answer.text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Forty benches, three evaluations and a run whose names mean harm."""
    root = tmp_path_factory.mktemp("site")
    project = Project(config.load(None, start=root))
    history = project.history()
    history.add_all(Columns.of(record) for record in made.course())
    history.add_all([Columns.of(made.evil()), *made.evaluations()])
    history.tag("000010", ["golden"])
    with listening(project) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield Site(server.url, project)
        finally:
            server.stop()
            thread.join()


def test_the_list_filters_and_sorts(site: Site) -> None:
    """By board, chip, model, kind, tag and date, by any column; the page says the same as its JSON."""
    rack = site.json("/runs.json?board=rack&since=2026-01-31&until=2026-02-05&sort=median&way=up")
    golden = site.json("/runs.json?tag=golden")
    page = site.ask("/?board=rack&kind=bench").text

    medians = [run["headline"]["median_ms"] for run in rack["runs"]]
    assert (3, sorted(medians)) == (rack["total"], medians)
    assert ["000010-bench-desk"] == [run["id"] for run in golden["runs"]]
    assert 40 == site.json("/runs.json?kind=bench&model=eat")["total"]
    assert "Runs 1 to 20 of 20" in page and "000039-bench-rack" in page and "000038-bench-desk" not in page
    assert '<option value="rack" selected>' in page
    assert "No run fits" in site.ask("/?board=nowhere").text


def test_a_run_is_the_page_of_the_report(site: Site) -> None:
    """The same HTML as `deploy report`, but for the links back; its JSON is the record."""
    from deployer.reporting import html, sources

    answer = site.ask("/runs/000010")
    alone = html.as_html(sources.gather(["000010"], site.project.history()), clips_dir=site.project.clips_dir)

    text = answer.text
    start = text.index('<nav class="above"')
    end = text.index("</nav>", start) + len("</nav>\n")
    assert alone == text[:start] + text[end:]
    assert "sha256-" in answer.headers["Content-Security-Policy"]
    assert "000010-bench-desk" == site.json("/runs/000010.json")["id"]
    assert 200 == site.ask("/runs/888880-eval-x").status


def test_a_trend_tells_each_board_its_interval_and_what_changed(site: Site) -> None:
    """Medians of two boards over time; the tag, the other file and the other version at their runs."""
    found = site.json("/trends.json?model=eat")
    page = site.ask("/trends?model=eat").text

    lines = {each["board"]: each["runs"] for each in found["series"]}
    assert {"desk": 20, "rack": 20, None: 3} == {board: len(runs) for board, runs in lines.items()}
    first, last = lines["desk"][0]["headline"], lines["desk"][-1]["headline"]
    assert first["median_ms"] == pytest.approx(40, abs=0.5) and last["median_ms"] == pytest.approx(
        44, abs=0.5
    )
    assert first["low_ms"] < first["median_ms"] < first["high_ms"]
    assert {
        ("000010-bench-desk", "golden"),
        ("000020-bench-desk", "another model file, cdcdcdcd"),
        ("000030-bench-desk", "deploy 0.7 → 0.8"),
        ("000031-bench-rack", "deploy 0.7 → 0.8"),
    } == {(each["run"], each["what"]) for each in found["changes"]}
    assert "desk: 20 runs, from" in page and 2 == page.count('class="plot"')
    assert ["rack"] == [each["board"] for each in site.json("/trends.json?model=eat&board=rack")["series"]]


def test_plots_are_whole_and_hold_no_script(site: Site) -> None:
    """Each SVG is XML by itself; the tag and the version stand in it as text."""
    page = site.ask("/trends?model=eat").text
    plots = [
        part[part.index("<svg") : part.index("</svg>") + 6] for part in page.split('<div class="canvas"')[1:]
    ]

    texts = [" ".join(ElementTree.fromstring(each).itertext()) for each in plots]
    assert "golden" in texts[0] and "deploy 0.7" in texts[0] and "not steady" in texts[0]
    assert "accuracy" in texts[1]


def test_two_runs_are_compared(site: Site) -> None:
    """By name or by the boxes of the list, the older first; evaluations too; what does not fit is told."""
    by_name = site.json("/diff.json?a=000010&b=000036")
    by_box = site.ask("/diff?run=000036-bench-desk&run=000010-bench-desk").text
    evaluations = site.ask("/diff?a=888880&b=888881").text

    assert by_name["effect"]["low"] < 0.10 < by_name["effect"]["high"] + 0.02
    assert {"tool_version", "sha256.models/eat.img"} == {item["what"] for item in by_name["changed"]}
    assert by_box.index("000010-bench-desk") < by_box.index("000036-bench-desk")
    assert "Two runs" in evaluations
    assert 400 == site.ask("/diff?a=888880&b=000010").status
    assert "choose two" in site.ask("/diff?run=000010").text


def test_names_that_mean_harm_are_text(site: Site) -> None:
    """A board and a model named like scripts, on every page and in their JSON."""
    name = made.EVIL
    for path in ("/", "/trends", "/running", "/runs/999999", "/diff?a=999999&b=000010"):
        text = site.ask(path).text
        assert name not in text, path
        assert "alert(1)" in text, path
    assert name == site.json("/runs/999999.json")["board"]["name"]


def test_who_asks_by_another_name_is_turned_away(site: Site) -> None:
    """A page of another site whose name was made to mean this machine (DNS rebinding) reads nothing."""
    port = urlsplit(site.url).port
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
    ):
        answer = site.ask("/runs.json", Host=host)
        assert 403 == answer.status, host
        assert "bench" not in answer.text
    for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1", "[::1]:80", "10.0.0.7:8080"):
        assert 200 == site.ask("/runs.json", Host=host).status, host
    assert guard.is_trusted("lab-pc:80", ["lab-pc"]) and not guard.is_trusted("lab-pc:80", [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_pages_are_only_read(site: Site, method: str) -> None:
    """No other method is answered, and none changes anything."""
    before = site.json("/runs.json")["total"]
    answer = site.ask("/runs/000010", method=method)

    assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])
    assert before == site.json("/runs.json")["total"]


def test_every_answer_keeps_a_browser_on_a_short_lead(site: Site) -> None:
    """Pages, data, files and errors: no script from elsewhere or within, no frame, no sniffing, no referrer."""
    for path in ("/", "/runs.json", "/trends", "/static/style.css", "/running/part", "/nothing"):
        headers = site.ask(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, path
        assert "script-src 'self'" in policy and "unsafe-inline" not in policy.split("style-src-attr")[0], (
            path
        )
        assert ("nosniff", "no-referrer") == (headers["X-Content-Type-Options"], headers["Referrer-Policy"])
        assert "Access-Control-Allow-Origin" not in headers
        assert "Python" not in headers["Server"]


def test_what_is_not_there_says_so(site: Site) -> None:
    """404 for pages and runs, 400 for a query without sense; as JSON where JSON was asked for."""
    assert 404 == site.ask("/nothing").status
    assert 404 == site.ask("/static/..%2f..%2fpyproject.toml").status
    assert 404 == site.ask("/static/../app.py").status
    missing = site.ask("/runs/xyz.json")
    assert (404, "no run") == (missing.status, json.loads(missing.text)["error"][:6])
    for query in ("since=yesterdayish", "sort=id;drop", "page=0", "page=x", "page=-1"):
        answer = site.ask(f"/?{query}")
        assert 400 == answer.status, query
        assert "That did not work" in answer.text
    assert "There is no page 9" in site.ask("/?page=9").text


def test_what_a_browser_has_is_not_sent_again(site: Site) -> None:
    """304 for the same page."""
    tag = site.ask("/static/style.css").headers["ETag"]

    assert 304 == site.ask("/static/style.css", **{"If-None-Match": tag}).status


def test_many_ask_at_once(site: Site) -> None:
    """Plots are drawn for eight at a time, each whole."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(site.ask, ["/trends?model=eat", "/runs/000012", "/", "/running"] * 4))

    assert {200} == {answer.status for answer in answers}
    assert [1, 1] == [len({answer.text for answer in answers[at::4]}) for at in (0, 1)]


def test_a_port_that_is_taken_is_told_with_a_cure(site: Site) -> None:
    """So is an address that is not this machine's, and a name that is none."""
    port = urlsplit(site.url).port or 0
    with pytest.raises(MachineRefused, match="another program") as taken, listening(site.project, port=port):
        pass
    assert "--port 0" in taken.value.hint
    for host in ("192.0.2.1", "no such host"):
        with pytest.raises(UsageError) as wrong, listening(site.project, host=host):
            pass
        assert "127.0.0.1" in wrong.value.hint


def test_an_empty_project_has_pages_that_say_so(tmp_path: Path) -> None:
    """No history: nothing is made by looking."""
    project = Project(config.load(None, start=tmp_path))
    with listening(project) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            empty = Site(server.url, project)
            assert "No run yet" in empty.ask("/").text
            assert "No bench" in empty.ask("/trends").text
            assert "Nothing runs" in empty.ask("/running").text
            assert 404 == empty.ask("/runs/latest").status
        finally:
            server.stop()
            thread.join()
    assert [] == list(tmp_path.iterdir())

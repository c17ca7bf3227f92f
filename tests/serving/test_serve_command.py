"""`deploy serve` and `deploy watch` as processes beside a real bench on a simulated board."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import termios
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deployer import cli
from deployer.history import History
from tests.history.made import bench
from tests.serving.conftest import Lab, Running, until


def _served(lab: Lab, *words: str) -> tuple[Running, str]:
    with (lab.root / "served").open("wb") as file:
        running = lab.start("serve", "--json", *words, stdout=file)
    text = until((lab.root / "served").read_text)
    return running, json.loads(text)["url"]


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def test_a_bench_is_seen_by_page_and_terminal_while_it_runs_and_when_it_is_kept(lab: Lab) -> None:
    """The same figures in both; then the finished run in the list; Ctrl-C ends each with 0."""
    server, url = _served(lab)
    lab.flag("step")
    running = lab.start("bench", "--runs", "30", "--board", "desk")
    until(
        lambda: [
            task
            for each in _json(f"{url}running.json")["under_way"]
            for task in each["tasks"]
            if task["done"] > 2
        ]
    )
    (lab.customer / "step").unlink()  # it stands still, however long the other processes take to begin
    with (lab.root / "watched").open("wb") as file:
        watch = lab.start("watch", "--board", "desk", stdout=file)
    watched = lab.root / "watched"
    first = until(lambda: re.search(r"runs +bench on desk: bench, (\d+) of 61 runs", watched.read_text()))
    (seen,) = _json(f"{url}running.json")["under_way"]
    task = seen["tasks"][0]

    assert int(first[1]) <= task["done"] <= 61
    assert ("running", running.process.pid, "desk", 7.5) == (
        seen["state"],
        seen["process"]["pid"],
        task["board"],
        task["median_ms"],
    )
    lab.flag("go")
    assert 0 == running.process.wait(120)
    (kept,) = until(lambda: _json(f"{url}runs.json")["runs"])
    assert ("desk", 60, 7.5) == (kept["board"], kept["headline"]["runs"], kept["headline"]["median_ms"])
    assert [] == _json(f"{url}running.json")["under_way"]
    until(lambda: f"kept       {kept['id']}" in watched.read_text())
    assert "ended      process" in watched.read_text()
    assert (0, 0) == (server.end(signal.SIGINT), watch.end(signal.SIGINT))


def test_a_killed_bench_is_shown_as_gone(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the page nor the terminal says that it runs."""
    running = lab.start("bench", "--runs", "30", "--board", "desk")
    lab.told(lambda one: one.told.tasks[0].step == "bench")
    running.end(signal.SIGKILL)

    assert 0 == cli.execute(["watch", "--once"])
    out = capsys.readouterr().out
    assert "gone" in out and not re.search(r"\bruns +deploy bench", out)
    assert 0 == cli.execute(["watch", "--once", "--json"])
    assert ["gone"] == [each["state"] for each in json.loads(capsys.readouterr().out)["under_way"]]


def test_watch_draws_on_a_terminal_until_interrupted(lab: Lab) -> None:
    """A live table on a real pseudo-terminal, and the terminal as it was afterwards."""
    lab.flag("step")
    lab.start("bench", "--runs", "30", "--board", "desk")
    lab.told(lambda one: one.told.tasks[0].done > 1)
    (lab.customer / "step").unlink()
    here, there = pty.openpty()
    termios.tcsetwinsize(there, (24, 80))
    with os.fdopen(there, "wb") as file:
        watch = lab.start("watch", stdout=file)
    drawn = b""

    def shown() -> bool:
        nonlocal drawn
        drawn += os.read(here, 65536)
        return b"of 61 runs" in drawn and b"deploy bench" in drawn

    until(shown)
    os.set_blocking(here, False)
    watch.process.send_signal(signal.SIGINT)

    def ended() -> bool:
        nonlocal drawn
        with contextlib.suppress(OSError):  # nothing yet, or the other end is closed
            drawn += os.read(here, 65536)
        return watch.process.poll() is not None

    until(ended)
    os.close(here)
    assert 0 == watch.process.returncode
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")  # the cursor is back


def test_watch_tells_changes_as_json_lines(lab: Lab) -> None:
    """An object a line: nothing, then the bench, then nothing again and the run."""
    with (lab.root / "lines").open("wb") as file:
        watch = lab.start("watch", "--json", stdout=file)
    until(lambda: (lab.root / "lines").read_text().count("\n") == 1)
    lab.flag("go")
    assert 0 == lab.start("bench", "--runs", "3").process.wait(120)
    until(lambda: json.loads((lab.root / "lines").read_text().splitlines()[-1])["last"])
    watch.end(signal.SIGINT)

    views = [json.loads(line) for line in (lab.root / "lines").read_text().splitlines()]
    assert [] == views[0]["under_way"] == views[0]["last"]
    assert 1 == len(views[-1]["last"])


def test_watch_once_lists_the_last_runs_of_a_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of another board are left out; where there is nothing it says so."""
    monkeypatch.chdir(tmp_path)
    assert 0 == cli.execute(["watch", "--once"])
    assert "nothing runs" in (out := capsys.readouterr().out) and "no run yet" in out
    history = History(tmp_path / ".deploy" / "runs")
    history.add(bench("one"))
    history.add(bench("two", board="rack"))

    assert 0 == cli.execute(["watch", "--once", "--board", "rack"])
    out = capsys.readouterr().out
    assert "two" in out and "one" not in out


def test_a_port_in_use_and_a_damaged_history_end_serve_with_a_cure(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and a hint, before anything is served."""
    server, url = _served(lab)
    port = url.rstrip("/").rpartition(":")[2]
    assert 2 == cli.execute(["serve", "--port", port])
    assert "--port 0" in capsys.readouterr().err
    server.end(signal.SIGINT)
    (lab.state_dir / "runs").mkdir(parents=True)
    (lab.state_dir / "runs" / "history.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert 2 == cli.execute(["serve"])
    assert "damaged" in (said := capsys.readouterr().err) or "not a history" in said


def test_another_address_than_loopback_is_warned_about(lab: Lab) -> None:
    """It is served all the same, to those who ask by an address; loopback is not warned about."""
    server, url = _served(lab, "--host", "0.0.0.0")
    port = url.rstrip("/").rpartition(":")[2]

    assert 0 == _json(f"http://127.0.0.1:{port}/runs.json")["total"]
    assert 0 == server.end(signal.SIGINT)
    assert server.process.stderr is not None
    assert b"everybody who reaches 0.0.0.0" in server.process.stderr.read()

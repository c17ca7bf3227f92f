"""Commands over many boards: tables, JSON lists, one exit code, and what failed tried again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer import cli
from deployer.board.config import BoardConfig
from deployer.history import History
from tests.boards.rig import wait_until
from tests.boards.servers import Place, free_port
from tests.fleet.rack import CLIPS, project, rack
from tests.processes import sleeping

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def places() -> Iterator[list[Place]]:
    """Three boards for all tests of this file."""
    with rack(3) as running:
        yield running


@pytest.fixture
def boards(places: list[Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """The three boards in the project of the current directory; what is on them may be from another test."""
    project(tmp_path, [place.config for place in places])
    monkeypatch.chdir(tmp_path)
    return places


@pytest.fixture
def one_dead(places: list[Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoardConfig:
    """The project has a fourth board at whose address nobody listens."""
    dead = BoardConfig(name="dead", host="127.0.0.1", own_port=free_port())
    project(tmp_path, [*(place.config for place in places), dead])
    monkeypatch.chdir(tmp_path)
    return dead


def _json(capsys: Captured) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_push_to_all_is_a_list_and_to_one_the_report_alone(boards: list[Place], capsys: Captured) -> None:
    """A script can tell by what it asked, not by how many boards there happen to be."""
    assert 0 == cli.execute(["push", "--all", "--json"])
    many = _json(capsys)
    assert 0 == cli.execute(["push", "--board", "b01", "--json"])
    one = _json(capsys)
    assert 0 == cli.execute(["push", "--all", "--limit", "1", "--json"])

    assert ["b00", "b01", "b02"] == [item["board"] for item in many]
    assert {("done", 0, None)} == {(item["state"], item["exit_code"], item["error"]) for item in many}
    assert set(many[0]["result"]) == set(one)
    assert ["b00"] == [item["board"] for item in _json(capsys)]
    assert all((place.current / CLIPS[0]).is_file() for place in boards)


@pytest.mark.usefixtures("boards")
def test_a_run_on_many_boards_is_a_table_and_a_count(capsys: Captured) -> None:
    """A row a board with its class, then how many are done."""
    assert 0 == cli.execute(["run", CLIPS[0], "--board", "b02", "--board", "b00", "-q"])

    said = capsys.readouterr().out
    assert said.index("b02") < said.index("b00")
    assert 2 == said.count("32 keyboard_typing")
    assert "2 of 2 boards done" in said


@pytest.mark.usefixtures("boards")
def test_a_bench_of_many_boards_keeps_a_record_of_each(capsys: Captured, tmp_path: Path) -> None:
    """Accuracy is judged board by board; figures are kept though the bench fails."""
    assert 1 == cli.execute(["bench", "--all", "--runs", "1", "--min-accuracy", "0.9", "--json"])

    done = _json(capsys)
    ids = {item["result"]["record"]["id"] for item in done}
    assert (3, {0.5}) == (len(ids), {item["result"]["summary"]["accuracy"] for item in done})
    assert {"accuracy 1 of 2 clips right (50%), asked for 90%"} == {i["error"]["message"] for i in done}
    assert ids == {item.id for item in History(tmp_path / ".deploy/runs").find()}


@pytest.mark.usefixtures("one_dead")
def test_what_failed_is_told_and_tried_again_alone(capsys: Captured) -> None:
    """The dead board's error stands on stderr with its cure; --retry-failed means it and no other."""
    assert 4 == cli.execute(["push", "--all"])
    said = capsys.readouterr()
    assert "3 of 4 boards done, 1 failed; the same with --retry-failed tries those again" in said.out
    assert "error: dead: root@127.0.0.1" in said.err
    assert "hint: the machine answers but nothing listens there" in said.err

    for _ in range(2):
        assert 4 == cli.execute(["push", "--retry-failed", "--json"])
        assert ["dead"] == [item["board"] for item in _json(capsys)]


def test_after_all_went_well_there_is_nothing_to_retry(boards: list[Place], capsys: Captured) -> None:
    """`push --all || push --retry-failed` may be written in a script; without any run it is a mistake."""
    assert 2 == cli.execute(["push", "--retry-failed"])
    assert 0 == cli.execute(["push", "--all", "-q"])
    capsys.readouterr()

    assert 0 == cli.execute(["push", "--retry-failed", "--json"])
    assert [] == _json(capsys)


@pytest.mark.usefixtures("one_dead")
def test_lines_of_progress_and_no_word_beside_the_json(capsys: Captured) -> None:
    """Without a terminal a line a board on stderr; with --json only the errors."""
    assert 4 == cli.execute(["board", "probe", "--all"])
    assert {"1/4", "2/4", "3/4", "4/4"} <= set(capsys.readouterr().err.split())

    assert 4 == cli.execute(["board", "probe", "--all", "--json"])
    said = capsys.readouterr()
    assert ["pcupid"] * 3 == [item["result"]["chip"] for item in json.loads(said.out) if item["result"]]
    assert {"error:", "hint:"} == {line.split()[0] for line in said.err.splitlines()}


@pytest.mark.usefixtures("boards")
def test_events_of_many_boards_name_their_board(tmp_path: Path) -> None:
    """--events has a line an event, each with the board it is about, in order for each board."""
    assert 0 == cli.execute(["push", "--all", "-q", "--events", "events"])

    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    for name in ("b00", "b01", "b02"):
        kinds = [event["event"] for event in events if event["board"] == name]
        assert ("began", "outcome") == (kinds[0], kinds[-1])


@pytest.mark.usefixtures("boards")
def test_a_command_on_many_boards_keeps_the_streams_apart(capsys: Captured) -> None:
    """Every line is led by its board; a status other than 0 is that board's failure."""
    words = ["sh", "-c", 'echo out; echo err >&2; printf "no end"; exit $1', "sh", "3"]
    assert 5 == cli.execute(["board", "run", "--all", "--limit", "2", *words])

    said = capsys.readouterr()
    assert sorted(["b00 | out", "b00 | no end", "b01 | out", "b01 | no end"]) == sorted(said.out.splitlines())
    assert {"b00 | err", "b01 | err"} <= set(said.err.splitlines())
    assert "error: b01: sh ended with 3" in said.err


def test_a_lock_is_shown_with_its_holder_and_broken_on_request(boards: list[Place], capsys: Captured) -> None:
    """Who holds which board, over all of them; --break takes the lock away and says whose it was."""
    directory = boards[1].files
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "lock").symlink_to("lab-1|ann|7|1|deploy%20push|abc|another-boot|5.0")

    assert 0 == cli.execute(["board", "lock", "--all", "--json", "-q"])
    assert [False, True, False] == [item["result"]["held"] for item in _json(capsys)]
    assert 0 == cli.execute(["board", "lock", "b01"])
    said = capsys.readouterr().out
    assert "deploy push by ann on lab-1 (process 7)" in said
    assert 0 == cli.execute(["board", "lock", "b01", "--break"])
    assert "broken: deploy push by ann on lab-1" in capsys.readouterr().out
    assert 0 == cli.execute(["board", "lock", "b01", "--json"])
    assert not _json(capsys)["held"]


@pytest.mark.usefixtures("boards")
@pytest.mark.parametrize("code", [0, 7])
def test_a_command_on_one_board_is_as_if_it_ran_here(code: int, capfdbinary: Any) -> None:
    """Bytes as they are, on the same streams, and the same exit status; no shell reads the words."""
    script = f"printf 'a\\377b'; printf e >&2; printf %s \"$1\"; exit {code}"
    assert code == cli.execute(["board", "run", "--board", "b00", "-q", "sh", "-c", script, "sh", "$HOME; *"])

    out, err = capfdbinary.readouterr()
    assert (b"a\xffb$HOME; *", b"e") == (out, err)


@pytest.mark.usefixtures("boards")
def test_the_streams_of_a_command_as_json(capsys: Captured) -> None:
    """One board gives one object, many give a list; the deadline is a failure with a cure."""
    assert 0 == cli.execute(["board", "run", "--board", "b01", "--json", "echo", "-n", "--all"])
    one = _json(capsys)
    assert ("b01", 0, "--all", "") == (one["board"], one["exit_status"], one["stdout"], one["stderr"])

    assert 5 == cli.execute(["board", "run", "--all", "--json", "--timeout", "0.3", "sleep", "9"])
    said = capsys.readouterr()
    results = [item["result"] for item in json.loads(said.out)]
    assert [(None, True)] * 3 == [(result["exit_status"], result["timed_out"]) for result in results]
    assert "hint: --timeout gives it longer" in said.err


def test_the_kernels_log_of_one_board_and_of_many(boards: list[Place], capsys: Captured) -> None:
    """The newest lines as they are; of many, each led by its board."""
    for place in boards:
        assert place.sim is not None
        place.sim.kernel_log.write_text("first\nclient [7] connected, module:ipu\n")

    assert 0 == cli.execute(["board", "logs", "b01", "-q", "--lines", "1"])
    assert "client [7] connected, module:ipu\n" == capsys.readouterr().out
    assert 0 == cli.execute(["board", "logs", "--all", "-q"])
    assert "b02 | first" in capsys.readouterr().out


@pytest.mark.usefixtures("boards")
def test_what_the_program_last_printed_is_kept_for_when_the_board_is_gone(capsys: Captured) -> None:
    """The streams of the last run with its words and status, read without a connection; none kept is said."""
    assert 2 == cli.execute(["board", "logs", "b02", "--program"])
    assert "no run on root@" in capsys.readouterr().err
    assert 0 == cli.execute(["run", CLIPS[0], "--board", "b02", "-q"])
    capsys.readouterr()

    assert 0 == cli.execute(["board", "logs", "b02", "--program", "--json"])
    said = _json(capsys)
    assert (None, 0, "") == (said["kernel"], said["last_run"]["exit_status"], said["last_run"]["stderr"])
    assert "class id: 32" in said["last_run"]["stdout"]
    assert 0 == cli.execute(["board", "logs", "b02", "-q"])
    assert "stdout: class id: 32" in capsys.readouterr().out


def test_a_board_is_asked_before_it_is_added(boards: list[Place], capsys: Captured, tmp_path: Path) -> None:
    """What answers is written down with its settings; where nobody answers nothing is."""
    config = boards[0].config
    before = (tmp_path / "deploy.yaml").read_text()
    words = ["board", "add", "extra", config.address, "--key", str(config.key), "--tag", "eu", "-q"]

    assert 4 == cli.execute(["board", "add", "gone", f"root@127.0.0.1:{free_port()}", "-q"])
    assert before == (tmp_path / "deploy.yaml").read_text()
    assert 0 == cli.execute(words)
    assert "chip pcupid" in capsys.readouterr().out
    assert 0 == cli.execute(["board", "list", "--tag", "eu", "--json"])
    assert [("extra", config.port)] == [(item["name"], item["port"]) for item in _json(capsys)]
    assert 2 == cli.execute(words)


def test_servers_are_found_by_their_greeting_alone(boards: list[Place], capsys: Captured) -> None:
    """The address, what it says, and which board it is; a dead port is passed over."""
    port = boards[0].config.port
    assert 0 == cli.execute(["board", "find", "127.0.0.1-2", "--port", str(port), "--json", "-q"])

    found = _json(capsys)
    assert [("127.0.0.1", "b00")] == [(item["host"], item["board"]) for item in found]
    assert found[0]["greeting"].startswith("SSH-2.0-")


def test_ctrl_c_ends_all_boards_and_reports(boards: list[Place], tmp_path: Path) -> None:
    """What was interrupted is in the JSON, the exit code is 130, and it takes seconds, not the command's time."""
    words = [str(Path(sys.executable).with_name("deploy")), "board", "run", "--all", "--parallel", "2"]
    words += ["--json", "sleep", "88.5"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: len(sleeping("88.5")) >= 2)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert (130, True) == (process.returncode, time.monotonic() - started < 12)
    assert ["interrupted", "interrupted", "not started"] == [item["state"] for item in json.loads(out)]
    assert b"error: interrupted" in err


@pytest.mark.usefixtures("boards")
def test_results_are_shown_though_the_project_cannot_be_written(capsys: Captured, tmp_path: Path) -> None:
    """What many boards said is not lost because the note for --retry-failed cannot be kept."""
    (tmp_path / ".deploy").write_text("a file where the folder would be")
    assert cli.execute(["status", "--all", "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)) > 1
    assert "--retry-failed will not know" in said.err


@pytest.mark.usefixtures("boards")
def test_the_inventory_as_the_resources_of_a_worker(capsys: Captured) -> None:
    """`dask worker --resources` takes pairs of NAME=NUMBER parted by blanks."""
    assert 0 == cli.execute(["board", "list", "--resources", "--limit", "2"])
    assert "board-b00=1 board-b01=1\n" == capsys.readouterr().out

"""Boards of two labs as one fleet: each task with the worker beside its board, each record here, once."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from deployer import cli
from deployer.errors import ConfigError
from deployer.history import History
from deployer.records import RunRecord
from deployer.scheduling.order import own_board
from tests.boards.servers import free_port
from tests.fleet.rack import CLIPS
from tests.scheduling.labs_here import Labs, deploy

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

Captured = pytest.CaptureFixture[str]


def test_a_push_reaches_every_board_of_every_lab(labs: Labs, project: Path, capsys: Captured) -> None:
    """--all means the workers' boards where the inventory here has none; a file is sent to a lab once."""
    code, told, _ = deploy(labs, capsys, "push", "--all")
    first = labs.first.contents
    model = (project / "eat.img").read_bytes()
    arrived = [(place.current / "models/eat.img").read_bytes() for place in labs.places]
    (project / "eat.img").write_bytes(b"next week's" * 1000)
    again, _, _ = deploy(labs, capsys, "push", "--all")

    assert (0, 0) == (code, again)
    assert ["b00", "b01", "b02", "b03"] == [item["board"] for item in told]
    assert [place.config.address for place in labs.places] == [item["address"] for item in told]
    assert [model] * 4 == arrived
    assert first.items() < labs.first.contents.items()
    assert 1 == len(labs.first.contents) - len(first)
    assert not (project.parent / "state" / "known_hosts").exists()  # no board was reached from here


def test_a_bench_of_all_labs_is_kept_here_once(labs: Labs, project: Path, capsys: Captured) -> None:
    """A record a board, with the address that its lab reaches it by, and the command that repeats it."""
    code, told, _ = deploy(labs, capsys, "bench", "--all", "--runs", "2", "--warm-up", "0")

    assert 0 == code
    kept = History(project / ".deploy/runs").find()
    assert {item["result"]["record"]["id"] for item in told} == {entry.id for entry in kept}
    records = [History(project / ".deploy/runs").record(entry.id) for entry in kept]
    assert 4 == len(records)
    assert {place.config.address for place in labs.places} == {record.board.address for record in records}
    for record in records:
        assert [2, 2] == [sum(sample.clip == clip for sample in record.counted) for clip in CLIPS]
        assert ("--scheduler", labs.cluster.address) == record.command[-2:]
        assert {"models/eat.img", "prog_sed_eat", *CLIPS} == set(record.sha256)
    assert not list(labs.first.folder.glob(".deploy"))


def test_a_single_run_is_kept_here_too(labs: Labs, project: Path, capsys: Captured) -> None:
    """By the same id as it was told."""
    code, told, _ = deploy(labs, capsys, "run", CLIPS[0], "--board", "b03")

    assert 0 == code
    assert [32] == [item["result"]["class_id"] for item in told]
    record = History(project / ".deploy/runs").record(told[0]["result"]["run"])
    assert isinstance(record, RunRecord)
    assert ("run", "b03", labs.places[3].config.address) == (
        record.kind,
        record.board.name,
        record.board.address,
    )


def test_what_is_known_of_a_board_here_does_not_travel(labs: Labs, project: Path, capsys: Captured) -> None:
    """Groups of the inventory here choose; the way to the board is its worker's."""
    document = json.loads((project / "deploy.yaml").read_text())
    wrong = {"host": "nowhere.invalid", "password_env": "NOT_SET", "groups": ["odd"]}
    document |= {"boards": {"b01": wrong, "b03": wrong, "b02": {"host": "x"}}, "board_groups": {"odd": None}}
    (project / "deploy.yaml").write_text(json.dumps(document))

    code, told, _ = deploy(labs, capsys, "push", "--group", "odd")

    assert 0 == code
    assert ["b01", "b03"] == [item["board"] for item in told]


def test_a_board_that_no_worker_has_is_told_before_anything_runs(
    labs: Labs, project: Path, capsys: Captured
) -> None:
    """With what the workers do have; so is one that its worker's deploy.yaml does not know."""
    code, told, said = deploy(labs, capsys, "push", "--board", "b00", "--board", "attic", "--board", "cellar")
    assert (9, None) == (code, told)
    assert "has the boards attic, cellar" in said
    assert "board-b00 board-b01" in said and "board-b02 board-b03" in said
    assert f'`dask worker {labs.cluster.address} --resources "board-attic=1"`' in said

    strange = labs.cluster.start_lab(labs.first.folder, ["ghost"])
    try:
        code, _, said = deploy(labs, capsys, "push", "--board", "ghost")
    finally:
        strange.kill()
        strange.wait()
    assert 9 == code and "has no such board in its deploy.yaml" in said
    assert not (project / ".deploy/fleet").exists()


def test_a_board_that_fails_is_its_own_failure(
    labs: Labs, project: Path, capsys: Captured, tmp_path: Path
) -> None:
    """In the words of its worker, with the exit code as from here; the others are done."""
    lab = tmp_path / "third"
    lab.mkdir()
    port = free_port()
    (lab / "deploy.yaml").write_text(f"boards: {{dead: {{host: 127.0.0.1, port: {port}}}}}\n")
    third = labs.cluster.start_lab(lab, ["dead"])
    try:
        code, told, said = deploy(labs, capsys, "push", "--all")
        again, retried, _ = deploy(labs, capsys, "push", "--retry-failed")
    finally:
        third.kill()
        third.wait()

    assert (4, 4) == (code, again)
    assert {"dead": "failed"} == {i["board"]: i["state"] for i in told if i["exit_code"]}
    assert f"error: dead: root@127.0.0.1:{port}" in said and "nothing listens there" in said
    assert ["dead"] == [item["board"] for item in retried]


def test_two_commands_take_turns_at_a_board(labs: Labs, project: Path, capsys: Captured) -> None:
    """The second waits for the first, as a resource is waited for: neither finds the board in use."""
    words = [
        "bench",
        "--board",
        "b02",
        "--runs",
        "1",
        "--warm-up",
        "0",
        "-q",
        "--scheduler",
        labs.cluster.address,
    ]
    codes: list[int] = []
    other = threading.Thread(target=lambda: codes.append(cli.execute(words)))
    other.start()
    codes.append(cli.execute(words))
    other.join()

    assert [0, 0] == codes, capsys.readouterr().err
    assert 2 == len(History(project / ".deploy/runs").find())


def test_a_worker_asks_nobody_for_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sits at its terminal, even where it has one."""
    (tmp_path / "deploy.yaml").write_text("boards: {desk: {host: desk, password_prompt: true}}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="a worker has none") as caught:
        own_board("desk")
    assert "password_env" in caught.value.hint

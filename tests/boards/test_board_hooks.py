"""The board's `before:` and `after:` commands: when they run, what they may leave, and how failures are told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import cli, resources
from deployer.errors import BoardUnreachable, HookFailed, ProgramFailed
from deployer.events import Event, Logged, Warned
from deployer.running import hooks
from tests.boards.servers import Place, simulated
from tests.boards.test_board_guard import Counted

CLIP = "5-203128-A-0_22.05k.wav"


def _hooked(place: Place, **settings: Any) -> tuple[Counted, Callable[[], list[str]]]:
    """A board with hooks that write into a diary on it, and how to read that."""
    config = place.config.replace(**settings)
    diary = place.files.parent / "diary"
    return Counted(config), lambda: diary.read_text().split() if diary.exists() else []


def _note(word: str, end: str = "") -> str:
    return f"echo {word} >>/customer/diary{end}"


def test_they_run_around_the_block_in_order(sim: Place) -> None:
    """Before-hooks first, then the block, then the after-hooks; what they print is logged."""
    board, diary = _hooked(sim, before=(_note("b1", "; echo stopped it"), _note("b2")), after=(_note("a1"),))
    events: list[Event] = []
    with board, hooks.around(board, board.config, emit=events.append) as hooked:
        before = diary()

    assert (["b1", "b2"], ["b1", "b2", "a1"]) == (before, diary())
    assert hooked.failure is None
    assert ["stopped it"] == [event.line for event in events if isinstance(event, Logged)]


def test_without_hooks_the_board_is_not_asked(sim: Place) -> None:
    """They cost nothing where there are none."""
    board, _ = _hooked(sim)
    with board, hooks.around(board, board.config):
        pass

    assert 0 == board.commands


def test_a_failed_before_hook_stops_all_but_the_after_hooks(sim: Place) -> None:
    """The block is not run; the error names the hook, its end and its words; things are put back."""
    board, diary = _hooked(sim, before=("echo no such app >&2; exit 3", _note("b2")), after=(_note("a1"),))
    ran = False
    words = r"before-hook `echo no such app.*exit status 3: no such app"
    with pytest.raises(HookFailed, match=words) as caught, board, hooks.around(board, board.config):
        ran = True

    assert (False, ["a1"], 8) == (ran, diary(), caught.value.exit_code)
    assert "`before:`" in caught.value.hint


@pytest.mark.parametrize("error", [ProgramFailed("no result"), KeyboardInterrupt()])
def test_after_hooks_run_whatever_happened(sim: Place, error: BaseException) -> None:
    """A failed run and Ctrl-C end as they would without hooks, after the after-hooks."""
    board, diary = _hooked(sim, after=("exit 4", _note("a2")))
    events: list[Event] = []
    with pytest.raises(type(error)), board, hooks.around(board, board.config, emit=events.append):
        raise error

    assert ["a2"] == diary()
    assert "after-hook `exit 4` ended with exit status 4" in _warned(events)


def test_a_failed_after_hook_is_kept_for_the_end(sim: Place) -> None:
    """It is a warning; all others run; the caller may raise it once the results are out."""
    board, diary = _hooked(sim, after=("exit 4", _note("a2"), "exit 5"))
    events: list[Event] = []
    with board, hooks.around(board, board.config, emit=events.append) as hooked:
        pass

    assert ["a2"] == diary()
    assert hooked.failure is not None and "exit status 4" in str(hooked.failure)
    assert "exit status 5" in _warned(events)


def test_after_a_lost_connection_they_run_over_a_new_one(sim: Place) -> None:
    """The loss is what is raised; the board is put back all the same."""
    board, diary = _hooked(sim, after=(_note("a1"), _note("a2")))
    assert sim.sim is not None
    with pytest.raises(BoardUnreachable), board, hooks.around(board, board.config):
        sim.sim.drop_connections()
        board.run(["true"], timeout_s=5)

    assert ["a1", "a2"] == diary()


def test_hooks_that_could_not_run_are_named() -> None:
    """A board that is gone cannot be put back: the commands to run by hand are told."""
    events: list[Event] = []
    with simulated() as place:
        board, _ = _hooked(place, after=("start the app", "start another"))
        with pytest.raises(BoardUnreachable), board, hooks.around(board, board.config, emit=events.append):
            assert place.sim is not None
            place.sim.stop()
            board.run(["true"], timeout_s=5)

    assert "by hand: `start the app`, `start another`" in _warned(events)


def test_a_hook_has_a_deadline(sim: Place) -> None:
    """One that hangs is stopped, and the message tells how a program that stays is started."""
    board, diary = _hooked(sim, before=("sleep 75",), after=(_note("a1"),))
    words = r"stopped after 0\.3 s .* ends with `&`"
    with pytest.raises(HookFailed, match=words), board, hooks.around(board, board.config, timeout_s=0.3):
        pass

    assert ["a1"] == diary()
    assert [] == list((sim.files.parent.parent / "tmp").glob(".deploy-hook-*"))


def test_a_hook_may_leave_a_program_running(sim: Place) -> None:
    """An application started with `&`, its output not redirected, neither delays the end nor is ended with it."""
    app = "echo up; trap 'echo down >>/customer/diary; exit' TERM; while :; do sleep 0.05; done"
    start = f"({app}) & echo $! >/tmp/pid"
    board, diary = _hooked(sim, after=(start,))
    with board, hooks.around(board, board.config, timeout_s=20) as hooked:
        pass
    with sim.board() as later:
        running = later.run(["sh", "-c", "kill $(cat /tmp/pid)"], timeout_s=10)
        later.run(["sh", "-c", "while kill -0 $(cat /tmp/pid); do sleep 0.05; done"], timeout_s=5)

    assert hooked.failure is None
    assert (0, ["down"]) == (running.exit_status, diary())


def _warned(events: list[Event]) -> str:
    return "\n".join(event.message for event in events if isinstance(event, Warned))


PROGRAM = """#!/bin/sh
echo "inputs: $2"; echo "model path: $4"; echo "threshold: 0.5"; echo "the input image: ./$2"
echo "model invoke time: 57.121 ms"; echo "post process time: 0.181 ms"; echo "class id: 32"
"""


def test_run_and_bench_show_their_results_before_a_failed_hook_counts(
    sim: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 8 after a failed after-hook, with the result on stdout; `board logs --program` has it again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eat.img").write_bytes(b"an image of the vendor's")
    (tmp_path / "prog").write_text(PROGRAM)
    (tmp_path / "clips").mkdir()
    shutil.copy(resources.data_dir() / "clips" / CLIP, tmp_path / "clips")
    board = {"host": sim.config.host, "port": sim.config.port, "key": str(sim.config.key)}
    settings = {
        "model": {"image": "eat.img"},
        "program": "prog",
        "audio": {"clips": "clips"},
        "bench": {"runs": 1},
        "boards": {"desk": {**board, "before": [_note("b1")], "after": [_note("a1"), "exit 3"]}},
    }
    (tmp_path / "deploy.yaml").write_text(json.dumps(settings))  # JSON is YAML
    diary = sim.files.parent / "diary"

    ran = cli.execute(["run", CLIP, "--json", "-q"])
    shown = capsys.readouterr()
    assert (8, 32) == (ran, json.loads(shown.out)["class_id"]), shown.err
    assert "after-hook `exit 3`" in shown.err
    assert ["b1", "a1"] == diary.read_text().split()

    assert 8 == cli.execute(["bench", "--json", "-q"])
    assert '"class_id": 32' in capsys.readouterr().out

    assert 0 == cli.execute(["board", "logs", "desk", "--program"])
    assert "class id: 32\n" in capsys.readouterr().out

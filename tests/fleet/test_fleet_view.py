"""What an operator sees while many boards are at work."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deployer.cli.fleet_view import LiveTable, fleet_view
from deployer.events import Advanced, Finished, Logged, Started, Warned
from deployer.fleet.outcome import Outcome, State, Trouble
from deployer.fleet.runner import Began

DONE = Outcome[None](board="b0", address="a", state=State.DONE, duration_s=1.25)
FAILED = Outcome[None](
    board="b1", address="a", state=State.FAILED, trouble=Trouble(message="no [answer]", exit_code=4)
)


def _console(height: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=True, width=90, height=height, no_color=True), file


def _drawn(table: LiveTable, console: Console, file: io.StringIO) -> str:
    console.print(table.draw())
    return file.getvalue()


def test_the_table_shows_who_is_at_what_and_who_failed() -> None:
    """Step, share and note of a board at work; the failed one's message as it is, brackets and all."""
    console, file = _console(24)
    table = LiveTable(3, console, 0)
    for board in ("b0", "b1", "b2"):
        table(board, Began(address="a"))
    table("b2", Started(step="push", total=200))
    table("b2", Advanced(step="push", done=50, total=200, note="models/eat.img"))
    table("b0", DONE)
    table("b1", FAILED)

    said = _drawn(table, console, file)
    assert "2 of 3 boards, 1 done, 1 failed" in said
    (at_work,) = [line for line in said.splitlines() if "b2" in line]
    assert all(word in at_work for word in ("push", "25%", "models/eat.img"))
    assert "no [answer]" in said


def test_256_boards_fit_a_small_terminal() -> None:
    """However many are at work, the table is no higher than the terminal, and says what it hides."""
    console, file = _console(20)
    table = LiveTable(256, console, 0)
    for number in range(128):
        table(f"w{number}", Began(address="a"))
    for number in range(128):
        table(f"f{number}", Began(address="a"))
        table(
            f"f{number}", Outcome(board=f"f{number}", address="a", state=State.FAILED, trouble=FAILED.trouble)
        )

    said = _drawn(table, console, file)
    assert len(said.splitlines()) <= 20
    assert "128 of 256 boards, 128 failed" in said
    assert "121 more at work" in said


@pytest.mark.parametrize(
    ("verbosity", "words", "silent"),
    [
        (-1, {"warning:"}, {"1/2", "tool", "sent"}),
        (0, {"warning:", "1/2", "2/2", "no [answer]"}, {"tool", "sent"}),
        (1, {"warning:", "1/2", "tool", "sent"}, set()),
    ],
)
def test_without_a_terminal_a_line_a_board(
    verbosity: int, words: set[str], silent: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings always; steps and the tools' own words with -v, each with its board."""
    with fleet_view(2, verbosity=verbosity) as emit:
        emit("b0", Began(address="a"))
        emit("b0", Warned(step="push", message="old clock"))
        emit("b0", Logged(step="x", line="tool"))
        emit("b0", Finished(step="push", note="sent"))
        emit("b0", DONE)
        emit("b1", FAILED)

    said = capsys.readouterr().err
    assert all(word in said for word in words)
    assert not any(word in said for word in silent)
    assert all("b0" in line or "b1" in line for line in said.splitlines())

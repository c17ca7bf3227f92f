"""Tables on a terminal of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from deployer.cli.console import print_table

COLUMNS = ("", "board", "accuracy", "invoke ms, median", "p95", "runs", "failed", "steady", "run", "time")
ROW = (
    "[green]✓[/]",
    "rack-17",
    "9 of 10 clips right (90 %)",
    "57.121",
    "-",
    "30",
    "0",
    "yes",
    "20260101-000000-bench-abcd",
    "12.3 s",
)


def _printed(width: int) -> list[str]:
    table = Table(title="eat", caption="in ms")
    for column in COLUMNS:
        table.add_column(column)
    table.add_row(*ROW)
    table.add_row("[red]✗[/]", "rack-18", "failed", *[""] * 7)
    file = io.StringIO()
    print_table(Console(file=file, force_terminal=True, width=width, no_color=True, highlight=False), table)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_gets_a_block_a_row(width: int) -> None:
    """Every word is whole and no line is longer than the terminal; an empty cell has no line."""
    lines = _printed(width)

    assert all(len(line.rstrip()) <= width for line in lines), lines
    assert ["eat", "✓ rack-17"] == [line.strip() for line in lines[:2]]
    whole = " ".join(" ".join(lines).split())
    assert all(f"{head} {cell}" in whole for head, cell in zip(COLUMNS[3:], ROW[3:], strict=True))
    assert "✗ rack-18 accuracy failed in ms" == " ".join(" ".join(lines[-3:]).split())


def test_a_wide_terminal_gets_the_table() -> None:
    """A line a board."""
    assert any("rack-17" in line and "57.121" in line and "12.3 s" in line for line in _printed(200))

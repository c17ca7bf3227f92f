"""Where results are printed: stdout, never squeezed into 80 columns when it goes to a file or a pipe."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160


def results() -> Console:
    """As wide as the terminal, or wide enough for every table when there is none."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


def print_table(console: Console, table: Table) -> None:
    """The table; on a terminal too narrow for its longest words, a block a row: its name, then a line a cell."""
    unbounded = console.options.update(width=10_000)
    if console.measure(table, options=unbounded).minimum <= console.width:
        console.print(table)
        return
    if table.title:
        console.print(table.title)
    heads = [_text(column.header) for column in table.columns]
    room = max(len(head) for head in heads)
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        mark = Text()  # of a column without a name: it stands before the row's own
        named = False
        for head, cell in zip(heads, map(_text, cells), strict=True):
            if not named:
                mark.append_text(cell)
                named = bool(head)
                if named:
                    console.print(mark)
                elif cell:
                    mark.append(" ")
            elif cell:
                console.print(Text.assemble("  ", head, " " * (room - len(head) + 2), cell))
    if table.caption:
        console.print(table.caption)


def _text(shown: object) -> Text:
    return shown.copy() if isinstance(shown, Text) else Text.from_markup(str(shown))

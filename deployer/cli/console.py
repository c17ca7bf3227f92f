"""Where results are printed: stdout, never squeezed into 80 columns when it goes to a file or a pipe."""

from __future__ import annotations

from rich.console import Console

PIPE_WIDTH = 160


def results() -> Console:
    """As wide as the terminal, or wide enough for every table when there is none."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)

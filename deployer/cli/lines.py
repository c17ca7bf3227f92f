"""Events as lines."""

from __future__ import annotations

import click

from deployer.events import Event, Finished, Logged, Skipped, Warned


def line_of(event: Event) -> str | None:
    """The one line that stays of an event; None for those that only move a bar."""
    match event:
        case Finished():
            return f"{click.style('✓', fg='green')} {event.step}" + (f": {event.note}" if event.note else "")
        case Skipped():
            return click.style(f"· {event.step}: {event.note}", dim=True)
        case Warned():
            return f"{click.style('warning:', fg='yellow')} {event.step}: {event.message}"
        case Logged():
            return click.style(f"  | {event.line}", dim=True)
        case _:
            return None

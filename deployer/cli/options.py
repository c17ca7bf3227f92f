"""Options that several commands share, and what they decide: configuration, progress, output format."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from deployer import config
from deployer.cli.progress import Progress, event_log
from deployer.config import Deployment
from deployer.events import Emit, Event

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the shared options of one invocation decided."""

    config_path: Path | None
    as_json: bool
    verbosity: int
    events_path: Path | None = None

    @functools.cached_property
    def deployment(self) -> Deployment:
        """`deploy.yaml`, read when it is first needed."""
        return config.load(self.config_path)

    @contextmanager
    def progress(self) -> Iterator[Emit]:
        """A sink for events: bars on a terminal, plain lines elsewhere, always on stderr."""
        with Progress(verbosity=self.verbosity).open() as draw, event_log(self.events_path) as keep:

            def emit(event: Event) -> None:
                draw(event)
                keep(event)

            yield emit

    def show(self, value: Any, text: Callable[[], None]) -> None:
        """Print `value` as JSON if that was asked for, else call `text`."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
        else:
            text()


def common(function: F) -> F:
    """`--config`, `--json`, `-v`, `-q`; the command gets a `Session` as its first argument."""

    @click.option("--config", "config_path", type=click.Path(path_type=Path), help="Use this deploy.yaml.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @click.option("-v", "--verbose", count=True, help="Show the tools' own output as well.")
    @click.option("-q", "--quiet", is_flag=True, help="Show results and errors only.")
    @click.option(
        "--events",
        "events_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write progress to a file, a JSON object a line.",
    )
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        config_path: Path | None,
        as_json: bool,
        verbose: int,
        quiet: bool,
        events_path: Path | None,
        **kwargs: Any,
    ) -> Any:
        session = Session(
            config_path=config_path,
            as_json=as_json,
            verbosity=-1 if quiet else verbose,
            events_path=events_path,
        )
        return function(session, *args, **kwargs)

    return wrapper  # type: ignore[return-value]  # functools.wraps keeps the name, not the signature


def board(function: F) -> F:
    """`--board NAME|ADDRESS`."""
    return click.option(
        "--board",
        "board_name",
        metavar="BOARD",
        help="A board of deploy.yaml, an address, or user@host:port.",
    )(function)


def dry_run(function: F) -> F:
    """`--dry-run`, for commands that change a board."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done, change nothing.")(function)

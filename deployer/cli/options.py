"""Options that several commands share, and what they decide: configuration, progress, output format."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from board_runner.errors import UsageError
from deployer.board.config import BoardConfig
from deployer.cli.progress import Progress, event_log
from deployer.events import Emit, Event
from deployer.fleet.select import Selection, select
from deployer.settings import config
from deployer.settings.config import Deployment

if TYPE_CHECKING:  # imported when there is something to tell
    from deployer.under_way.telling import Teller

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
    def progress(self, *, board: str | None = None) -> Iterator[Emit]:
        """A sink for events: bars on a terminal, plain lines elsewhere, always on stderr; and told to others."""
        with (
            Progress(verbosity=self.verbosity).open() as draw,
            event_log(self.events_path) as keep,
            self.telling() as teller,
        ):

            def emit(event: Event) -> None:
                draw(event)
                keep(event)
                if teller is not None:
                    teller.take(event, board=board)

            yield emit

    @contextmanager
    def telling(self) -> Iterator[Teller | None]:
        """Who tells other processes how far the command is; None for one that works in no project."""
        if "deployment" not in vars(self):
            yield None
            return
        from deployer.under_way.telling import Teller

        path = click.get_current_context().command_path
        teller = Teller(
            self.deployment.state_dir,
            command=path.partition(" ")[2],
            model=self.deployment.settings.model.name,
        )
        try:
            yield teller
        finally:
            teller.close()

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


def scheduler(function: F) -> F:
    """`--scheduler tcp://HOST:PORT`; the command gets `scheduler_address`."""
    return click.option(
        "--scheduler",
        "scheduler_address",
        metavar="tcp://HOST:PORT",
        help="Compute on this Dask cluster, not here.",
    )(function)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which boards were asked for, and how they are worked on where they are several."""

    selection: Selection
    parallel: int | None = None
    serial: int | None = None
    fail_fast: bool = False
    retry_failed: bool = False
    scheduler: str | None = None

    @property
    def many(self) -> bool:
        """Whether the answer is a list: not by how many boards there are, but by what was asked."""
        return self.selection.many or self.retry_failed or self.scheduler is not None

    def one(self, session: Session) -> BoardConfig:
        """The one board, where not `many`."""
        return select(session.deployment, self.selection)[0]


_SELECTION = (
    click.option(
        "--board",
        "board_names",
        metavar="BOARD",
        multiple=True,
        help="A board of the inventory, an address, or user@host:port; may be repeated.",
    ),
    click.option("--group", "groups", multiple=True, help="Every board of this group; may be repeated."),
    click.option("--tag", "tags", multiple=True, help="Every board with this tag; may be repeated."),
    click.option("--all", "every", is_flag=True, help="Every board of the inventory."),
    click.option("--limit", metavar="PATTERN|N", help="Of these the first N, or those so named (rack-*)."),
)
_MANY = (
    click.option("--parallel", type=click.IntRange(min=1), help="Boards at once; 16 unless told."),
    click.option("--serial", type=click.IntRange(min=1), help="Boards in batches of so many."),
    click.option("--fail-fast", is_flag=True, help="After a failure begin no further board."),
    click.option("--retry-failed", is_flag=True, help="Those that failed in this command's last run."),
)


def boards(function: F) -> F:
    """Which boards, one or many, and how many at once; the command gets `asked`."""

    @functools.wraps(function)
    def wrapper(*args: Any, parallel: int | None, serial: int | None, **kwargs: Any) -> Any:
        fail_fast, retry_failed = kwargs.pop("fail_fast"), kwargs.pop("retry_failed")
        asked = Asked(
            selection=_selection(kwargs),
            parallel=parallel,
            serial=serial,
            fail_fast=fail_fast,
            retry_failed=retry_failed,
        )
        return function(*args, asked=asked, **kwargs)

    return _decorated(wrapper, (*_SELECTION, *_MANY))  # type: ignore[no-any-return]


def through_labs(function: F) -> F:
    """`--scheduler`, for commands whose boards may be beside the workers of a cluster; goes inside of `boards`."""

    @functools.wraps(function)
    def wrapper(*args: Any, asked: Asked, scheduler_address: str | None, **kwargs: Any) -> Any:
        return function(*args, asked=replace(asked, scheduler=scheduler_address), **kwargs)

    option = click.option(
        "--scheduler",
        "scheduler_address",
        metavar="tcp://HOST:PORT",
        help="Work through this Dask cluster: by the worker beside each board.",
    )
    return _decorated(wrapper, (option,))  # type: ignore[no-any-return]


def chosen(function: F) -> F:
    """Which boards, for commands that only show what is known of them; the command gets `asked`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, asked=Asked(selection=_selection(kwargs)), **kwargs)

    return _decorated(wrapper, _SELECTION)  # type: ignore[no-any-return]


def named(function: F) -> F:
    """Boards as plain words too, as `--board` takes them; goes outside of `boards` or `chosen`."""

    @functools.wraps(function)
    def wrapper(*args: Any, names: tuple[str, ...], **kwargs: Any) -> Any:
        kwargs["board_names"] = (*names, *kwargs["board_names"])
        return function(*args, **kwargs)

    return _decorated(wrapper, (click.argument("names", nargs=-1, metavar="[BOARD]..."),))  # type: ignore[no-any-return]


def _selection(given: dict[str, Any]) -> Selection:
    return Selection(
        boards=given.pop("board_names"),
        groups=given.pop("groups"),
        tags=given.pop("tags"),
        every=given.pop("every"),
        limit=given.pop("limit"),
    )


def _decorated(wrapper: Callable[..., Any], options: tuple[Callable[[Any], Any], ...]) -> Any:
    for option in reversed(options):
        wrapper = option(wrapper)
    return wrapper


def dry_run(function: F) -> F:
    """`--dry-run`, for commands that change a board."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done, change nothing.")(function)


def in_a_folder(file: Path | None) -> None:
    """Raise UsageError before any work where the file that was asked for has no folder to lie in."""
    if file is not None and not file.parent.is_dir():
        raise UsageError(f"no folder {file.parent}", hint="make it first")

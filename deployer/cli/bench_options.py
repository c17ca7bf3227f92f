"""The options of `deploy bench`, and what they ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from deployer.board.config import BoardConfig
from deployer.cli.options import Session

F = TypeVar("F", bound=Callable[..., Any])


class Percent(click.ParamType[float]):
    """`5%` or `5`: 0.05."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share."""
        if isinstance(value, float):
            return value
        try:
            share = float(str(value).strip().removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not 0 < share < 10:
            self.fail(f"{value!r} is no percentage such as 5%", param, ctx)
        return share


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options as they were given."""

    runs: int | None
    warm_up: int | None
    minutes: float | None
    until_stable: float | None
    against: Path | None
    noise_floor: bool
    pin: bool
    in_process: int | None
    durations: str | None
    baseline: str | None
    fail_above: float | None
    min_accuracy: float | None

    def words(self, session: Session, board: BoardConfig) -> tuple[str, ...]:
        """The command that asks for the same of one board."""
        said = ["deploy", "bench", "--board", board.name]
        if session.config_path is not None:
            said += ["--config", str(session.config_path)]
        shares = {"--until-stable": self.until_stable, "--fail-above": self.fail_above}
        values: dict[str, object] = {
            "--runs": self.runs,
            "--warm-up": self.warm_up,
            "--minutes": self.minutes,
            **{name: None if share is None else f"{100 * share:g}%" for name, share in shares.items()},
            "--in-process": self.in_process,
            "--durations": self.durations,
            "--against": self.against,
            "--baseline": self.baseline,
            "--min-accuracy": self.min_accuracy,
        }
        for name, value in values.items():
            said += [] if value is None else [name, str(value)]
        said += ["--noise-floor"] * self.noise_floor + ["--no-pin"] * (not self.pin)
        return tuple(said)


_OPTIONS = (
    click.option("--runs", type=click.IntRange(min=1), help="Runs of each clip."),
    click.option("--warm-up", type=click.IntRange(min=0), help="Starts before those that count."),
    click.option(
        "--minutes",
        type=click.FloatRange(0, min_open=True),
        help="Go on for so long instead of a number of runs.",
    ),
    click.option(
        "--until-stable",
        type=Percent(),
        metavar="X%",
        help="Go on until the interval of the median is no wider than this.",
    ),
    click.option(
        "--against",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="IMAGE",
        help="Run another model file in turns with the project's.",
    ),
    click.option(
        "--in-process",
        type=click.IntRange(min=2),
        metavar="N",
        help="Afterwards N invokes of each clip in one process: the first against warm ones.",
    ),
    click.option(
        "--durations",
        metavar="S,S,...",
        help="The first clip in lengths of so many seconds each, in place of the project's clips.",
    ),
    click.option("--noise-floor", is_flag=True, help="Run the same model in turns with itself."),
    click.option("--pin/--no-pin", default=True, help="Hold the CPU's governor meanwhile (default: yes)."),
    click.option("--baseline", metavar="RUN", help="Compare with this earlier run: its id, tag or file."),
    click.option(
        "--fail-above",
        type=Percent(),
        metavar="X%",
        help="Exit with 1 for a slow-down that may be so large (default limit: 5%).",
    ),
    click.option(
        "--min-accuracy", type=click.FloatRange(0, 1), help="Exit with 1 below this share of right clips."
    ),
)


def measured(function: F) -> F:
    """All of them; the command gets a `Wanted` as `wanted`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = Wanted.__dataclass_fields__
        wanted = Wanted(**{name: kwargs.pop(name) for name in names})
        return function(*args, wanted=wanted, **kwargs)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]  # functools.wraps keeps the name, not the signature

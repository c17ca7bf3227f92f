"""`-s true` works on what `-s false` made on the same day, for the date is in the folder's name."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from toolchain_wrappers.errors import ToolchainError

MIDNIGHT_S = 60.0
"""The script reads the clock a little after us: a day that begins within this time is linked as well."""


def names_today(
    name: str, made: datetime.datetime, now: datetime.datetime, *, dates: Sequence[str]
) -> list[str]:
    """What a folder called `name`, made at `made`, would be called now: here and in UTC, for a container's clock.

    `made` and `now` carry a time zone; `dates` are forms of strftime, the first that fits counts. Without a date
    in the name there is nothing to say.
    """
    names = []
    for zone in (now.tzinfo, datetime.UTC):
        for form in dates:
            then = made.astimezone(zone).strftime(form)
            if then in name:
                soon = now + datetime.timedelta(seconds=MIDNIGHT_S)
                days = (day.astimezone(zone).strftime(form) for day in (now, soon))
                names += [name.replace(then, today) for today in days]
                break
    return [other for other in dict.fromkeys(names) if other != name]


@contextmanager
def under_todays_name(
    folder: Path,
    output: Path,
    *,
    dates: Sequence[str],
    is_same: Callable[[Path], bool],
    now: datetime.datetime | None = None,
) -> Iterator[None]:
    """While the block runs `folder`, below `output`, can be found under today's name as well.

    Raises ToolchainError where another folder has that name already, unless it `is_same`: the script would
    simulate what lies there.
    """
    now = now or datetime.datetime.now().astimezone()
    made = datetime.datetime.fromtimestamp(folder.stat().st_mtime).astimezone()
    relative = folder.relative_to(output).as_posix()
    links = [output / name for name in names_today(relative, made, now, dates=dates)]
    placed = []
    try:
        for link in links:
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(folder.resolve(), target_is_directory=True)
                placed.append(link)
            elif not is_same(link):
                raise ToolchainError(
                    f"{link} holds another conversion of today: convert.sh -s true would simulate that one",
                    hint="`deploy convert --force --simulate` converts anew; `deploy compare-sim` needs no folder",
                )
        yield
    finally:
        for link in placed:
            link.unlink(missing_ok=True)
            if link.parent != output and link.parent.is_dir() and not any(link.parent.iterdir()):
                link.parent.rmdir()

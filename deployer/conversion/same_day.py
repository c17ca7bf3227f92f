"""`-s true` works on what `-s false` made on the same day, for the date is in the folder's name."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FORMATS = ("%Y%m%d", "%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d", "%y%m%d", "%m%d")
"""The vendor has not published its own; a name that holds none of these is left as it is."""


def names_today(name: str, made: datetime.datetime, now: datetime.datetime) -> list[str]:
    """What a folder called `name`, made at `made`, would be called now: here and in UTC, for a container's clock.

    `made` and `now` carry a time zone. Without a date in the name there is nothing to say.
    """
    zones = (now.tzinfo, datetime.UTC)
    names = []
    for zone in zones:
        for form in FORMATS:
            then, today = made.astimezone(zone).strftime(form), now.astimezone(zone).strftime(form)
            if then in name:
                names.append(name.replace(then, today))
                break
    return [other for other in dict.fromkeys(names) if other != name]


@contextmanager
def under_todays_name(folder: Path, output: Path, now: datetime.datetime | None = None) -> Iterator[None]:
    """While the block runs `folder`, below `output`, can be found under today's name as well."""
    now = now or datetime.datetime.now().astimezone()
    made = datetime.datetime.fromtimestamp(folder.stat().st_mtime).astimezone()
    relative = folder.relative_to(output).as_posix()
    links = [output / name for name in names_today(relative, made, now)]
    placed = []
    try:
        for link in links:
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(folder.resolve(), target_is_directory=True)
                placed.append(link)
        yield
    finally:
        for link in placed:
            link.unlink(missing_ok=True)
            if link.parent != output and link.parent.is_dir() and not any(link.parent.iterdir()):
                link.parent.rmdir()

"""Published lists of trials, a line each: 1 or 0, and two files; 1 says that both are of one speaker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.errors import InputError
from deployer.metrics.detection import Trials
from deployer.metrics.speakers import Embedded


def listed(text: str, embedded: Embedded, files: Sequence[str], *, place: str) -> tuple[Trials, int]:
    """The trials whose files are both among `files`, the names of `embedded`'s clips, and how many are not.

    Raises InputError, naming `place` and the line, for a line that is no trial, and for a list without any.
    """
    rows = {name: number for number, name in enumerate(files)}
    first, second, target, absent = [], [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 3 or words[0] not in ("0", "1"):
            raise InputError(f"{place}, line {number}: {line[:60]!r} is no trial", hint="1 FILE FILE, or 0")
        if words[1] not in rows or words[2] not in rows:
            absent += 1
            continue
        target.append(words[0] == "1")
        first.append(rows[words[1]])
        second.append(rows[words[2]])
    if not target:
        raise InputError(f"{place}: none of its {absent} trials is of clips of the manifest")
    units = embedded.units
    scores = np.einsum("ij,ij->i", units[first], units[second])
    return Trials(scores=np.asarray(scores), target=np.asarray(target)), absent

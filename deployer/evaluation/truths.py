"""What a data set says of its clips, in the model's own terms."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from board_runner.errors import InputError
from deployer.evaluation.dataset import Clip


def class_id(clip: Clip, labels: Sequence[str], classes: int) -> int:
    """The class of a clip, whose truth is a class name or, where no class is called so, a number.

    Raises InputError for a class that the model does not have.
    """
    if clip.truth in labels:
        found = labels.index(clip.truth)
    elif clip.truth.isascii() and clip.truth.isdigit():
        found = int(clip.truth)
    else:
        near = difflib.get_close_matches(clip.truth, labels, n=1)
        raise InputError(
            f"{clip.path}: no class {clip.truth!r} in the model's labels",
            hint=f"did you mean {near[0]!r}?" if near else "`model.labels` in deploy.yaml names them",
        )
    if found >= classes:
        raise InputError(f"{clip.path}: class {found}, the model has classes 0 to {classes - 1}")
    return found


def tokens(clip: Clip) -> tuple[int, ...]:
    """What was said as token numbers, separated by spaces. Raises InputError for anything else."""
    words = clip.truth.split()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise InputError(
            f"{clip.path}: what was said is {clip.truth[:40]!r}, no token numbers",
            hint="--units FILE names the tokens, for a table of texts",
        )
    return tuple(int(word) for word in words)

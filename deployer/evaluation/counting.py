"""Every clip's answers of all stages, once through, in the data set's order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from deployer.errors import CheckFailed
from deployer.evaluation.answer_file import AnswerFile
from deployer.evaluation.kinds import Kind, Measured
from deployer.evaluation.listing import Listed, Listing
from deployer.evaluation.record import LeftOut
from deployer.evaluation.versus import Versus

KEPT_LEFT_OUT = 1000


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What each stage comes to, over the clips that all have an answer for, and each pair of stages.

    `without` counts the other clips, the first of which are `left_out`.
    """

    measured: tuple[Measured, ...]
    versus: tuple[Versus, ...]
    without: int
    left_out: tuple[LeftOut, ...]


def count(kind: Kind, names: Sequence[str], listing: Listing, files: Sequence[AnswerFile]) -> Counted:
    """Each stage alone, against the one before it, and the last against the first.

    Raises CheckFailed where no clip has an answer.
    """
    counting = [kind.counting() for _ in names]
    pairs = list(itertools.pairwise(range(len(names))))
    if len(names) > 2:
        pairs.append((0, len(names) - 1))
    pairing = [kind.pairing(names[a], names[b]) for a, b in pairs]
    without = 0
    left_out: list[LeftOut] = []
    for listed in listing:
        spoilt = _left_out(listed, names, files)
        if spoilt is not None:
            without += 1
            left_out += [spoilt] if without <= KEPT_LEFT_OUT else []
            continue
        answers = [file.read(listed.key) for file in files]
        for stage, answer in zip(counting, answers, strict=True):
            stage.add(listed.clip, answer)
        for pair, (a, b) in zip(pairing, pairs, strict=True):
            pair.add(listed.clip, answers[a], answers[b])
    if without == listing.clips:
        raise CheckFailed(f"no clip has an answer; the first: {left_out[0].reason}")
    return Counted(
        measured=tuple(stage.measured() for stage in counting),
        versus=tuple(pair.versus() for pair in pairing),
        without=without,
        left_out=tuple(left_out),
    )


def _left_out(listed: Listed, names: Sequence[str], files: Sequence[AnswerFile]) -> LeftOut | None:
    for name, file in zip(names, files, strict=True):
        reason = file.why_none(listed.key)
        if reason is not None:
            return LeftOut(clip=listed.clip.name, stage=name, reason=reason)
    return None

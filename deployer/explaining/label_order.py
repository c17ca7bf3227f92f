"""Check 6: class ids and class names in the same order, on the board, in the label file and in the clips' names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from board_runner.errors import DeployError
from deployer import labels
from deployer.explaining.case import Case
from deployer.explaining.finding import Check, Finding
from deployer.explaining.replay import Replay, apart, compared
from deployer.settings.config import ModelSection

CHECK = Check(name="label order")
_LUCK = 1e-3
_TELLING = 3
"""Different classes that have to speak for a permutation."""

Permutation = Callable[[int], int]


def check(case: Case, replayed: Replay) -> Finding:
    """A renumbering that makes the board's ids the simulator's or the targets; a label file in another order."""
    return (
        _board_renumbers(case, replayed)
        or _file_order(case)
        or _targets_renumbered(case)
        or _nothing(case, replayed)
    )


def orders(names: Sequence[str], classes: int) -> dict[str, Permutation]:
    """The usual mistakes: words -> what they make of an id of the model."""
    known: dict[str, Permutation] = {
        "one too high": lambda i: i + 1,
        "one too low": lambda i: i - 1,
        "one too high, the last becoming the first": lambda i: (i + 1) % classes,
        "one too low, the first becoming the last": lambda i: (i - 1) % classes,
        "counted from the end": lambda i: classes - 1 - i,
    }
    if len(set(names)) == len(names) == classes:
        place = {name: at for at, name in enumerate(sorted(names))}
        by_name = sorted(range(classes), key=lambda i: names[i])
        known["in the alphabetical order of the names"] = lambda i: place[names[i]]
        known["as if numbered in the alphabetical order of the names"] = lambda i: by_name[i]
    return known


def renumbering(pairs: Sequence[tuple[int, int]], names: Sequence[str], classes: int) -> str | None:
    """Which of the usual mistakes turns the first of every pair into the second; None where none or not enough."""
    if len({first for first, _ in pairs}) < _TELLING or all(a == b for a, b in pairs):
        return None
    for words, order in orders(names, classes).items():
        if all(0 <= a < classes and order(a) == b for a, b in pairs):
            return words
    return None


def _board_renumbers(case: Case, replayed: Replay) -> Finding | None:
    """The simulator's ids, renumbered: by a known mistake, or by one consistent mapping."""
    clips = compared(case, replayed)
    wrong = apart(case, replayed, clips)
    if not wrong or any(len(case.answers[clip]) != 1 for clip in clips):
        return None
    pairs = [(replayed.class_ids[clip], case.answers[clip][0]) for clip in clips]
    classes = replayed.answers[clips[0]].classes
    words = renumbering(pairs, case.record.labels, classes)
    if words is None and _consistent(pairs):
        words = "one renumbering of the classes"
    if words is None:
        return None
    return CHECK.proven(
        f"the board's class ids are the simulator's, {words}, on all {len(clips)} clips",
        evidence=[f"simulator {a}, board {b}" for a, b in dict.fromkeys(pairs)][:5],
        cure="the program counts or sorts classes by itself: the place of the largest score, from 0, is right",
    )


def _consistent(pairs: Sequence[tuple[int, int]]) -> bool:
    """One to one, and said more than once by enough classes: ids by chance are not."""
    forward: dict[int, set[int]] = {}
    backward: dict[int, set[int]] = {}
    for a, b in pairs:
        forward.setdefault(a, set()).add(b)
        backward.setdefault(b, set()).add(a)
    single = all(len(ids) == 1 for ids in (*forward.values(), *backward.values()))
    repeated = sum(sum(a == first for a, _ in pairs) > 1 for first in forward)
    return single and repeated >= _TELLING


def _file_order(case: Case) -> Finding | None:
    """The run's names are those of the model in another order, while the ids agree with the clips' classes."""
    names, known = case.record.labels, _shipped(case)
    if not known or list(names) == known or sorted(names) != sorted(known):
        return None
    right, of = _right(case, case.record.targets)
    if of == 0 or 2 * right <= of:
        return None
    at = next(i for i, name in enumerate(names) if name != known[i])
    return CHECK.proven(
        f"the label file has the model's {len(known)} names in another order: {_order_of(names, known)}",
        evidence=[
            f"class {at} is {known[at]!r} to the model and {names[at]!r} in the label file",
            f"by number, {right} of {of} clips are right: ids and model agree, the names do not",
        ],
        cure="put the names in the order of the model's outputs, or unset model.labels in deploy.yaml",
    )


def _order_of(names: Sequence[str], known: Sequence[str]) -> str:
    if list(names) == sorted(known):
        return "sorted by name"
    size = len(known)
    for shift in (1, size - 1):
        if all(names[i] == known[(i + shift) % size] for i in range(size)):
            return "moved by one"
    if list(names) == list(reversed(known)):
        return "from the last to the first"
    moved = sum(a != b for a, b in zip(names, known, strict=True))
    return f"{moved} names elsewhere"


def _shipped(case: Case) -> list[str]:
    try:
        return labels.load(ModelSection(name=case.record.model), case.project.deployment.root)
    except DeployError:
        return []


def _targets_renumbered(case: Case) -> Finding | None:
    """The clips' classes, renumbered by a known mistake: model and data set count differently."""
    targets = case.record.targets
    pairs = [
        (targets[clip], ids[0]) for clip, ids in case.answers.items() if clip in targets and len(ids) == 1
    ]
    shipped = _shipped(case)
    names = shipped if sorted(shipped) == sorted(case.record.labels) else case.record.labels
    classes = max([len(names), *(a + 1 for a, _ in pairs), *(b + 1 for _, b in pairs)])
    tried = {words: sum(order(a) == b for a, b in pairs) for words, order in orders(names, classes).items()}
    words = max(tried, key=lambda each: tried[each])
    hits, right = tried[words], sum(a == b for a, b in pairs)
    if 2 * hits <= len(pairs) or 2 * right > len(pairs) or _by_chance(hits, len(pairs), classes, len(tried)):
        return None
    return CHECK.proven(
        f"the answers are the clips' classes, {words}: {hits} of {len(pairs)} clips are right so, "
        f"{right} as they are",
        evidence=[f"class {a} by the clip's name, {b} by the board" for a, b in dict.fromkeys(pairs)][:5],
        cure="model and data set number their classes differently: train or export with the data set's order, or "
        "give model.labels and the clips the model's",
    )


def _by_chance(hits: int, of: int, classes: int, tried: int) -> bool:
    """Whether so many hits can be luck: P(X >= hits) <= C(of, hits) / classes^hits, for each order tried."""
    return tried * math.comb(of, hits) * float(classes) ** -hits > _LUCK


def _right(case: Case, targets: Mapping[str, int]) -> tuple[int, int]:
    judged = [clip for clip in case.answers if clip in targets]
    return sum(case.answers[clip] == (targets[clip],) for clip in judged), len(judged)


def _nothing(case: Case, replayed: Replay) -> Finding:
    right, of = _right(case, case.record.targets)
    if not of:
        return CHECK.cannot_tell(
            "no clip's name states its class",
            cure="clips called FOLD-CLIP-TAKE-TARGET, as in ESC-50, state it",
        )
    names, known = case.record.labels, _shipped(case)
    evidence = [f"{right} of {of} clips have the class of their name"]
    if 2 * right <= of:
        return CHECK.cannot_tell(
            "most answers are not the clips' classes, and no usual order explains it", evidence=evidence
        )
    if known and sorted(names) == sorted(known):
        return CHECK.fine("ids, names and clips are in one order", evidence=evidence)
    return CHECK.fine("ids and clips are in one order; the names are the user's own", evidence=evidence)

"""Check 5: stale or truncated output: one answer for all, that of the clip before, others each time, few values."""

from __future__ import annotations

from deployer.explaining.case import Case
from deployer.explaining.finding import Check, Finding, some
from deployer.explaining.replay import Replay, apart, compared
from deployer.explaining.scores import Scores

CHECK = Check(name="stale or truncated")
LAGS = (1, 2, 3)
_TELLING = 2
"""Runs that have to speak for an explanation, and could have spoken against it."""


def check(case: Case, replayed: Replay, scores: Scores) -> Finding:
    """The patterns that an output buffer leaves which nobody refreshed, or not as a whole."""
    if scores.cut_short:
        clip, why = next(iter(scores.cut_short.items()))
        return CHECK.proven(
            f"the board gives fewer values than the model has, on {len(scores.cut_short)} clips",
            evidence=[f"{clip}: {why}"],
            cure="the program copies or prints a part of the output: its size is that of the whole tensor "
            "(dla_show_img_info), and the board needs room for the file",
        )
    return _of_answers(case, replayed) or _of_scores(replayed, scores) or _nothing(case, replayed, scores)


def _of_answers(case: Case, replayed: Replay) -> Finding | None:
    return (
        _outside(case, replayed) or _unsteady(case) or _constant(case, replayed) or _lagging(case, replayed)
    )


def _outside(case: Case, replayed: Replay) -> Finding | None:
    """Class ids that no output of the model has a value for."""
    classes = _classes(case, replayed)
    wrong = {
        clip: ids for clip, ids in case.answers.items() if classes and not set(ids) <= set(range(classes))
    }
    if not wrong:
        return None
    clip, ids = next(iter(wrong.items()))
    return CHECK.proven(
        f"class ids outside of the model's {classes} classes, on {len(wrong)} clips",
        evidence=[f"{clip}: {ids[0]}"],
        cure="the program reads beyond its output, or another model's: take the number of classes from the image",
    )


def _classes(case: Case, replayed: Replay) -> int:
    first = next(iter(replayed.answers.values()), None)
    if first is not None:
        return first.classes
    return len(case.record.labels)


def _unsteady(case: Case) -> Finding | None:
    """A model of integers answers the same for the same clip, always."""
    unsteady = {clip: ids for clip, ids in case.answers.items() if len(ids) > 1}
    if not unsteady or _stale(case) is not None:
        return None
    clip, ids = next(iter(unsteady.items()))
    return CHECK.proven(
        f"not the same answer for the same clip, on {len(unsteady)} clips",
        evidence=[f"{clip}: {', '.join(map(str, ids))}"],
        cure="the program reads its output before it is there, or memory it never set: wait for the invoke to end, "
        "and flush the cache of its buffers",
    )


def _stale(case: Case) -> int | None:
    """How many runs late the answers are, if that alone makes each clip's own the same every time."""
    runs = case.runs
    for lag in LAGS:
        by_clip: dict[str, set[int | None]] = {}
        for before, now in zip(runs, runs[lag:], strict=False):
            by_clip.setdefault(before.clip, set()).add(now.class_id)
        if len(by_clip) > 1 and all(len(ids) == 1 for ids in by_clip.values()):
            return lag
    return None


def _constant(case: Case, replayed: Replay) -> Finding | None:
    """One answer for every clip, where the simulator has several."""
    said = {class_id for ids in case.answers.values() for class_id in ids}
    clips = compared(case, replayed)
    expected = {replayed.class_ids[clip] for clip in clips}
    if len(said) != 1 or len(expected) < 2:
        return None
    return CHECK.proven(
        f"the board says class {said.pop()} of every clip; the simulator has {len(expected)} classes for "
        f"{len(clips)} clips",
        cure="the output is never refreshed, or the input never reaches the model: does the program read the wav "
        "that it is given, and the output after the invoke?",
    )


def _lagging(case: Case, replayed: Replay) -> Finding | None:
    """The answer of a run before, in every run, where it is another than the clip's own."""
    if not apart(case, replayed, compared(case, replayed)):
        return None
    own, runs = replayed.class_ids, case.runs
    for lag in LAGS:
        pairs = [(a, b) for a, b in zip(runs, runs[lag:], strict=False) if a.clip in own and b.clip in own]
        telling = [(a, b) for a, b in pairs if own[a.clip] != own[b.clip]]
        if len(telling) >= _TELLING and all(b.class_id == own[a.clip] for a, b in pairs):
            return CHECK.proven(
                f"every answer is that of the clip {_ago(lag)}, in {len(pairs)} runs",
                evidence=[
                    f"{b.clip}: board {b.class_id}, simulator {own[b.clip]}; {a.clip} is {own[a.clip]}"
                    for a, b in telling[:3]
                ],
                cure="the program shows an output before the invoke has filled it, or keeps one between runs: read "
                "it after the invoke, from the buffer that this invoke was given",
            )
    return None


def _ago(lag: int) -> str:
    return "before" if lag == 1 else f"{lag} runs before"


def _of_scores(replayed: Replay, scores: Scores) -> Finding | None:
    """The same patterns in whole tensors, where the board shows them."""
    clips = [clip for clip in scores.outputs if clip in replayed.answers]
    given = [scores.flat(clip) for clip in clips]
    wanted = {
        tuple(levels.ravel().tolist()) for c in clips for levels in replayed.answers[c].outputs.values()
    }
    if len(clips) < _TELLING + 1 or len(wanted) < len(clips):
        return None
    if all((one == given[0]).all() for one in given[1:]):
        return CHECK.proven(
            f"the board's tensors are the same for all {len(clips)} clips",
            cure="the output is never refreshed, or the input never reaches the model",
        )
    return None


def _nothing(case: Case, replayed: Replay, scores: Scores) -> Finding:
    if not case.runs and not scores.outputs:
        return CHECK.cannot_tell("the run has no class ids, and no tensors are at hand")
    clips = compared(case, replayed)
    if not clips:
        why = replayed.why_not or "no clip was both run and replayed"
        return CHECK.cannot_tell(
            f"no simulator's answers to hold against: {why}", evidence=_one_for_all(case)
        )
    if len({replayed.class_ids[clip] for clip in clips}) < 2:
        return CHECK.cannot_tell(
            f"the simulator has one class for all of {some(clips)}: a stale answer would not show",
            cure="bench clips of different classes",
        )
    return CHECK.fine("the answers change with the clips and with nothing else")


def _one_for_all(case: Case) -> list[str]:
    """What speaks for a stale answer where nothing can prove it."""
    said = {class_id for ids in case.answers.values() for class_id in ids}
    classes = {case.record.targets[clip] for clip in case.answers if clip in case.record.targets}
    if len(said) != 1 or len(classes) < 2:
        return []
    return [f"the board says class {said.pop()} of clips of {len(classes)} classes"]

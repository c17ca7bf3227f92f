"""Check 7: what the board said of its bytes against what the offline simulator says of the very same."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.explaining import contents
from deployer.explaining.case import Case
from deployer.explaining.finding import Check, Finding, some
from deployer.explaining.replay import Replay, apart, compared
from deployer.reporting.said import in_words

CHECK = Check(name="replay")


def check(case: Case, replayed: Replay, differing: Sequence[str] = ()) -> Finding:
    """Whether the board said of its bytes what the simulator says of the same bytes.

    `differing` are clips whose raw outputs on the board are not the simulator's, from the same input tensor.
    """
    if differing:
        return CHECK.proven(
            f"from the same input tensor and image the board computes other levels, on {len(differing)} clips",
            evidence=[f"All outputs XOR differs: {some(differing)}"],
            cure="driver, IPU or their version: `deploy compare-sim fixed offline board` shows by how much; update "
            "the board's firmware to the SDK of the toolchain",
        )
    if case.record.answers:
        return _without_class(case)
    if not case.runs:
        return CHECK.cannot_tell("the run has no class ids", evidence=_failures(case), cure=_WHY_NONE)
    if replayed.why_not:
        return CHECK.cannot_tell(f"nothing to replay: {replayed.why_not}", cure=_NO_BYTES)
    clips = compared(case, replayed)
    if not clips:
        return CHECK.cannot_tell("no clip was both run and replayed", evidence=_refused(replayed))
    wrong = apart(case, replayed, clips)
    if not wrong:
        return _alike(case, replayed, clips)
    evidence = [_said(case, replayed, clip) for clip in wrong[:5]]
    return CHECK.proven(
        f"from the very bytes that the simulator gets, the board computes something else, on {len(wrong)} of "
        f"{len(clips)} clips",
        evidence=[*evidence, *_refused(replayed)],
        cure="the board's program, driver or IPU is at fault, not model or input: `deploy compare-sim offline "
        "board` compares tensors where the board has a dla_simulator, `deploy board logs` what its kernel said",
    )


def _without_class(case: Case) -> Finding:
    """By what the run itself found out: each answer was held against the offline simulator's when it came."""
    told = [answer for answer in case.record.answers if answer.offline_equal is not None]
    wrong = [answer for answer in told if not answer.offline_equal]
    if not told:
        return CHECK.cannot_tell("no answer of this run was held against the offline simulator's")
    if wrong:
        return CHECK.proven(
            f"from the same wavs and image the board says something else, {len(wrong)} of {len(told)} times",
            evidence=[f"{answer.clip}: {in_words(answer, case.record.labels)}" for answer in wrong[:5]],
            cure="the board's program, driver or IPU is at fault, or its features; `deploy compare-sim offline "
            "board` compares tensors where the board has a dla_simulator",
        )
    return CHECK.fine(
        f"the board says what the simulator says, bit for bit, {len(told)} of {len(told)} times"
    )


def _alike(case: Case, replayed: Replay, clips: list[str]) -> Finding:
    """The board is right about its bytes; what this machine's simulators run may be other bytes."""
    same = f"the board says what the simulator says of the same bytes, on {len(clips)} of {len(clips)} clips"
    evidence = [f"by {replayed.source}", *_refused(replayed), *_accuracy(case, replayed, clips)]
    other = contents.others_here(case)
    if not other:
        return CHECK.fine(same, evidence=evidence)
    return CHECK.proven(
        f"{same}; this machine has another {some(held.name for held in other)} than the run, and its simulators "
        "answer for that",
        evidence=[*(contents.told(case, held) for held in other), *evidence],
        cure="`deploy bench` again with what is here now",
    )


_WHY_NONE = "`deploy run CLIP` says why a run gives no result"
_NO_BYTES = "explain without --offline, so that the bytes are fetched from the board"


def _said(case: Case, replayed: Replay, clip: str) -> str:
    said = " / ".join(map(str, case.answers[clip]))
    decision = replayed.answers[clip].decision
    return f"{clip}: board {said}, simulator {decision.class_id} (leads by {decision.margin:.3g})"


def _failures(case: Case) -> list[str]:
    return [f"{failure.clip}: {failure.reason}" for failure in case.record.failures[:3]]


def _refused(replayed: Replay) -> list[str]:
    first = next(iter(replayed.refused.items()), None)
    return [f"{len(replayed.refused)} clips not replayed; {first[0]}: {first[1]}"] if first else []


def _accuracy(case: Case, replayed: Replay, clips: list[str]) -> list[str]:
    """Where board and simulator are wrong together, the cause is before both."""
    known = [clip for clip in clips if clip in case.record.targets]
    right = sum(replayed.class_ids[clip] == case.record.targets[clip] for clip in known)
    if not known or right == len(known):
        return []
    return [
        f"both have {right} of {len(known)} clips right: what is wrong beyond that lies in the model or its "
        "conversion (`deploy compare-sim onnx float fixed offline`)"
    ]

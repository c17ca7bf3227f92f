"""Check 7, and what others rest on: the board's own bytes through the offline simulator's integer engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.errors import DeployError
from board_runner.integer.engine import OfflineEngine
from board_runner.models.base import Decision, run_model
from deployer.events import Advanced, Emit, Finished, Started
from deployer.explaining.case import Case
from deployer.explaining.finding import Check, Finding, some

CHECK = Check(name="replay")
STEP = "replay"
MOST_CLIPS = 200
"""Clips that are replayed: a cause that none of so many shows is none that this can find."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One clip: the decision, the input tensor of its one run, and each output's int16 levels."""

    decision: Decision
    tensor: Array
    levels: Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """`why_not` says, in words, why there is none, or of a clip why that one has no answer."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    why_not: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    engine: OfflineEngine | None = None
    contract: InputContract | None = None

    @property
    def class_ids(self) -> dict[str, int]:
        """Clip -> what the simulator says of the board's bytes."""
        return {clip: answer.decision.class_id for clip, answer in self.answers.items()}


class _Raw:
    """An engine that keeps the input and the levels of its last run."""

    def __init__(self, inner: OfflineEngine) -> None:
        self.inner, self.inputs, self.outputs = inner, inner.inputs, inner.outputs
        self.given: Tensors = {}
        self.levels: dict[str, Array] = {}

    def run(self, inputs: Tensors) -> Tensors:
        """Run once."""
        self.given, self.levels = inputs, self.inner.run_raw(inputs)
        return real(self.inner, self.levels)


def real(engine: OfflineEngine, levels: Tensors) -> dict[str, Array]:
    """Levels times scale in float32, as every stage does it."""
    return {name: value.astype(np.float32) * engine.output_scales[name] for name, value in levels.items()}


def replay(case: Case, *, emit: Emit) -> Replay:
    """Every clip of the run whose bytes are at hand, at most MOST_CLIPS, through the board's image."""
    image, path = case.image, case.model.path
    if image is None or path is None:
        return Replay(why_not=case.why_no_image)
    clips = [clip for clip in case.names.clips if case.held[clip].path is not None][:MOST_CLIPS]
    if not clips:
        return Replay(why_not="the bytes of no clip are at hand")
    engine = OfflineEngine.load(path)
    answers: dict[str, Answer] = {}
    refused: dict[str, str] = {}
    emit(Started(step=STEP, total=len(clips), unit="clips"))
    for done, clip in enumerate(clips, start=1):
        wav = case.held[clip].path
        assert wav is not None
        try:
            answers[clip] = _answer(engine, image.contract, wav)
        except DeployError as e:
            refused[clip] = str(e)
        emit(Advanced(step=STEP, done=done, total=len(clips), note=clip))
    emit(Finished(step=STEP, note=f"{len(answers)} clips through the board's image"))
    why = "" if answers else f"no clip can be run: {next(iter(refused.values()))}"
    return Replay(answers=answers, why_not=why, refused=refused, engine=engine, contract=image.contract)


def _answer(engine: OfflineEngine, contract: InputContract, wav: Path) -> Answer:
    model, kept = models.get(contract.model), _Raw(engine)
    samples = audio.require(audio.read_wav(wav), contract.sample_rate_hz)
    decision = model.decode(run_model(model, kept, samples, contract))
    if not isinstance(decision, Decision):
        raise DeployError(f"{contract.model} has no classes")
    return Answer(decision=decision, tensor=next(iter(kept.given.values())), levels=kept.levels)


def compared(case: Case, replayed: Replay) -> list[str]:
    """The clips that both the board and the simulator answered."""
    return [clip for clip in case.answers if clip in replayed.answers]


def apart(case: Case, replayed: Replay, clips: Iterable[str]) -> list[str]:
    """Those of `clips` on which the board did not say what the simulator says, in any of its runs."""
    return [clip for clip in clips if case.answers[clip] != (replayed.answers[clip].decision.class_id,)]


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
    if not case.runs:
        return CHECK.cannot_tell("the run has no class ids", evidence=_failures(case), cure=_WHY_NONE)
    if replayed.why_not:
        return CHECK.cannot_tell(f"nothing to replay: {replayed.why_not}", cure=_NO_BYTES)
    clips = compared(case, replayed)
    if not clips:
        return CHECK.cannot_tell("no clip was both run and replayed", evidence=_refused(replayed))
    wrong = apart(case, replayed, clips)
    if not wrong:
        assumed = [clip for clip in clips if case.held[clip].assumed]
        evidence = [f"taken by name alone, without a hash: {some(assumed)}"] if assumed else []
        return CHECK.fine(
            f"the board says what the simulator says of the same bytes, on {len(clips)} of {len(clips)} clips",
            evidence=[*evidence, *_refused(replayed), *_accuracy(case, replayed, clips)],
        )
    evidence = [_said(case, replayed, clip) for clip in wrong[:5]]
    if any(case.held[name].assumed for name in (*wrong, case.names.model)):
        return CHECK.cannot_tell(
            f"the board differs from the simulator on {len(wrong)} of {len(clips)} clips, "
            "if these are the bytes that it had",
            evidence=evidence,
            cure="the record has no hashes: `deploy bench` keeps them",
        )
    return CHECK.proven(
        f"from the very bytes that the simulator gets, the board computes something else, on {len(wrong)} of "
        f"{len(clips)} clips",
        evidence=[*evidence, *_refused(replayed)],
        cure="the board's program, driver or IPU is at fault, not model or input: `deploy compare-sim offline "
        "board` compares tensors where the board has a dla_simulator, `deploy board logs` what its kernel said",
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

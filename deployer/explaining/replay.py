"""What most checks rest on: the board's own bytes through the offline simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.errors import DeployError, UsageError
from board_runner.integer import container
from board_runner.integer.engine import OfflineEngine
from board_runner.integer.image import Image
from board_runner.models.base import Classifier, Decision, run_model
from deployer.artifacts import Artifacts
from deployer.comparison import references
from deployer.comparison.stages import Simulation, simulate_once
from deployer.events import Advanced, Emit, Finished, Started
from deployer.explaining.case import Case, conversion

STEP = "replay"
MOST_CLIPS = 200
"""Clips that are replayed: a cause that none of so many shows is none that this can find."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One clip: the decision, the input tensor of its one run, each output as float32 and as int16 levels.

    A vendor's simulator does not show levels: there are none then. `classes`: how many there are to choose from.
    """

    decision: Decision
    classes: int
    tensor: Array
    outputs: Tensors
    levels: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """`why_not` says, in words, why there is none, `refused` of a clip why that one has no answer.

    `source` is what ran the image; `engine` is None where that was the vendor's simulator. `rounding` is half a
    unit of the last printed place of the outputs, 0 where they were not printed.
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    why_not: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    rounding: float = 0.0
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
    """Every clip of the run whose bytes are at hand, at most MOST_CLIPS, through the board's image.

    An image of ours by the integer engine, another maker's by the simulator of the tools that made it.
    """
    clips = [clip for clip in case.names.clips if case.held[clip].path is not None][:MOST_CLIPS]
    if not clips:
        return Replay(why_not="the bytes of no clip are at hand")
    if case.image is not None:
        return _by_engine(case, case.image, clips, emit=emit)
    made = conversion(case)
    if made is None or case.model.path is None or container.is_image(case.model.path):
        return Replay(why_not=case.why_no_image)
    try:
        return _by_toolchain(case, made, clips, emit=emit)
    except DeployError as e:
        return Replay(why_not=f"the tools that made {case.names.model} do not run it: {e}")


def _by_engine(case: Case, image: Image, clips: Sequence[str], *, emit: Emit) -> Replay:
    assert case.model.path is not None
    engine = OfflineEngine.load(case.model.path)
    answers: dict[str, Answer] = {}
    refused: dict[str, str] = {}
    emit(Started(step=STEP, total=len(clips), unit="clips"))
    for done, clip in enumerate(clips, start=1):
        try:
            answers[clip] = _answer(engine, image.contract, _wav(case, clip))
        except DeployError as e:
            refused[clip] = str(e)
        emit(Advanced(step=STEP, done=done, total=len(clips), note=clip))
    emit(Finished(step=STEP, note=f"{len(answers)} clips through the board's image"))
    return Replay(
        answers=answers,
        why_not=_why_none(answers, refused),
        refused=refused,
        source="the integer engine",
        engine=engine,
        contract=image.contract,
    )


def _by_toolchain(case: Case, made: Artifacts, clips: Sequence[str], *, emit: Emit) -> Replay:
    """By simulator.py on the offline model, whose bytes in the store are the board's. Raises ToolchainError."""
    stated = made.manifest.contract
    contract = InputContract.from_json(stated) if stated else case.project.contract
    simulation = Simulation(tools=case.project.toolchain.tools, artifacts=made, contract=contract)
    tensors: dict[str, Array] = {}
    refused: dict[str, str] = {}
    for clip in clips:
        try:
            tensors[clip] = _tensor(contract, _wav(case, clip))
        except DeployError as e:
            refused[clip] = str(e)
    outputs: dict[str, Tensors] = {}

    def take(clip: str, given: Tensors, text: Path) -> None:
        outputs[clip] = given

    if tensors:
        simulate_once("offline", simulation, list(tensors.items()), take, emit=emit)
    answers = {clip: _answered(contract, [given], tensors[clip]) for clip, given in outputs.items()}
    return Replay(
        answers=answers,
        why_not=_why_none(answers, refused),
        refused=refused,
        source="simulator.py of the toolchain",
        rounding=0.5 * 10.0**-references.DUMP_DECIMALS,
        contract=contract,
    )


def _why_none(answers: Mapping[str, Answer], refused: Mapping[str, str]) -> str:
    return "" if answers else f"no clip can be run: {next(iter(refused.values()), 'none')}"


def _wav(case: Case, clip: str) -> Path:
    path = case.held[clip].path
    assert path is not None
    return path


def _tensor(contract: InputContract, wav: Path) -> Array:
    samples = audio.require(audio.read_wav(wav), contract.sample_rate_hz)
    first, *more = models.get(contract.model).chunks(samples, contract)
    if more or len(contract.inputs) != 1:
        raise UsageError(f"{wav.name} is several runs of {contract.model}: simulator.py does one at a time")
    return first[contract.inputs[0].name]


def _answer(engine: OfflineEngine, contract: InputContract, wav: Path) -> Answer:
    kept = _Raw(engine)
    samples = audio.require(audio.read_wav(wav), contract.sample_rate_hz)
    outputs = run_model(models.get(contract.model), kept, samples, contract)
    return _answered(contract, outputs, next(iter(kept.given.values())), kept.levels)


def _answered(
    contract: InputContract, outputs: Sequence[Tensors], tensor: Array, levels: Tensors | None = None
) -> Answer:
    """What the model decides. Raises UsageError for a model without classes."""
    model = models.get(contract.model)
    decision = model.decode(outputs)
    if not isinstance(decision, Decision) or not isinstance(model, Classifier):
        raise UsageError(f"{contract.model} has no classes", hint="`deploy compare-sim` compares its outputs")
    return Answer(
        decision=decision,
        classes=model.scores(outputs).size,
        tensor=tensor,
        outputs=outputs[-1],
        levels=levels or {},
    )


def compared(case: Case, replayed: Replay) -> list[str]:
    """The clips that both the board and the simulator answered."""
    return [clip for clip in case.answers if clip in replayed.answers]


def apart(case: Case, replayed: Replay, clips: Iterable[str]) -> list[str]:
    """Those of `clips` on which the board did not say what the simulator says, in any of its runs."""
    return [clip for clip in clips if case.answers[clip] != (replayed.answers[clip].decision.class_id,)]

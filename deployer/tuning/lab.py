"""What candidates are made of and held against: measured ranges, sensitivities, and the float model's outputs."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from board_runner.contract import Array, Tensors
from board_runner.float_engine import FloatEngine
from board_runner.quant import calibration, patterns, scheme, sensitivity
from board_runner.quant.scheme import Scheme
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import QuantSettings
from board_runner.quant.statistics import Statistics
from deployer import artifacts, convert
from deployer.comparison.clip_set import ClipSet
from deployer.comparison.elsewhere import Asked
from deployer.events import Advanced, Emit, Finished, Started
from deployer.project import Project
from deployer.scheduling.scheduler import Scheduler
from deployer.tuning import trial
from deployer.tuning.candidates import Candidate, Result
from deployer.tuning.trial import Ran, Trial


@dataclass(frozen=True, kw_only=True)
class Clips:
    """What calibrates and what judges; `same` when there were no other clips to judge on."""

    calibration: tuple[Path, ...]
    judged: tuple[Path, ...]
    same: bool


def clips_of(project: Project) -> Clips:
    """All calibration clips; to judge, the test clips that are not among them by content, or else all.

    Raises MissingArtifact.
    """
    seen = {artifacts.sha256(path) for path in project.calibration}
    others = tuple(path for path in project.clips if artifacts.sha256(path) not in seen)
    judged = others or tuple(project.clips)
    return Clips(calibration=tuple(project.calibration), judged=judged, same=not others)


class Lab:
    """Measures once, when first needed; then judges candidates."""

    def __init__(self, project: Project, clips: Clips, emit: Emit) -> None:
        self._project, self._clips, self._emit = project, clips, emit
        self.source = trial.source(project.onnx, project.contract)
        self.graph = patterns.rewrite(self.source)

    def _samples(self, wavs: Sequence[Path]) -> Iterator[Tensors]:
        name = self._project.contract.inputs[0].name
        for wav in wavs:
            (tensor,) = convert.model_inputs(self._project.model, self._project.contract, [wav]).values()
            yield {name: tensor}

    def _calibration(self) -> Iterator[Tensors]:
        return self._samples(self._clips.calibration)

    @cached_property
    def statistics(self) -> Statistics:
        """Ranges and histograms, two passes over the calibration clips."""
        step, total = "calibrate", 2 * len(self._clips.calibration)
        self._emit(Started(step=step, total=total, unit="clips"))
        measured = calibration.measure(
            self.graph,
            self._calibration,
            passes=2,
            progress=lambda done: self._emit(Advanced(step=step, done=done, total=total)),
        )
        self._emit(Finished(step=step, note=f"{measured.samples} clips, two passes"))
        return measured

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Sensitivities with L3's ranges."""
        base = scheme.decide(self.graph, self.statistics, QuantSettings(level="L3", upgrade=False))
        return sensitivity.measure(self.graph, base, self._calibration, self.statistics.samples)

    @cached_property
    def reference(self) -> list[Array]:
        """The float model's output for each judged clip."""
        model = FloatEngine(self.source)
        return [next(iter(model.run(s).values())) for s in self._samples(self._clips.judged)]

    def scheme(self, candidate: Candidate) -> Scheme:
        """Ranges, weight scales and bits of a candidate."""
        return scheme.decide(self.graph, self.statistics, candidate.settings)

    @property
    def trial(self) -> Trial:
        """What is done with each scheme, here or on a worker."""
        return Trial(
            onnx=self._project.onnx,
            chip=self._project.deployment.settings.chip,
            clips=ClipSet(model_name=self._project.model_name, contract=self._project.contract, wavs=()),
            judged=[Asked(wav=wav, sha256=artifacts.sha256(wav), kept="") for wav in self._clips.judged],
        )

    def judge(self, candidates: Sequence[Candidate], scheduler: Scheduler) -> Generator[Result, None, None]:
        """Try each, in their order, and hold it against float; lazy, and nothing is measured for none."""
        if candidates:
            _ = self.reference, self.statistics  # before workers wait for them
        schemes = (self.scheme(candidate) for candidate in candidates)
        for candidate, ran in zip(candidates, scheduler.map(self.trial, schemes), strict=True):
            yield self._result(candidate, ran)

    def _result(self, candidate: Candidate, ran: Ran) -> Result:
        signals, noises, flips = [], [], []
        for wav, wanted, given in zip(self._clips.judged, self.reference, ran.outputs, strict=True):
            signals.append(math.fsum(np.square(wanted, dtype=np.float64).ravel()))
            noises.append(math.fsum(np.square(given.astype(np.float64) - wanted).ravel()))
            if np.argmax(given) != np.argmax(wanted):
                flips.append(wav.name)
        return Result(
            candidate=candidate,
            sqnr_db=_db(math.fsum(signals), math.fsum(noises)),
            sqnr_worst_db=min(map(_db, signals, noises)),
            top1_agreement=1 - len(flips) / len(ran.outputs),
            flips=tuple(flips),
            image_bytes=ran.image_bytes,
            invoke_ms=ran.invoke_ms,
        )


def _db(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf

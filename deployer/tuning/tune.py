"""`deploy tune`: quantisations tried on real clips, most promising first, and one chosen."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

import board_runner
from board_runner import engine
from board_runner.contract import METADATA_KEY, Array, Tensors
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.quant import calibration, patterns, qdq, quant_file, quant_info, scheme, sensitivity
from board_runner.quant.compile import write_image
from board_runner.quant.ranges import conv_inputs
from board_runner.quant.scheme import Scheme
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import QuantSettings
from board_runner.quant.statistics import Statistics
from deployer import artifacts, convert
from deployer.events import Advanced, Emit, Finished, Skipped, Started, Warned
from deployer.project import Project
from deployer.tuning.candidates import Candidate, Choice, Limits, Result, candidates, choose, front
from toolchain_wrappers.sigmastar.input_config import CONV, ConvFormat, InputConfig

STEP = "tune"
TRIED, REPORT, CONV_CONFIG, QUANT_FILE = "tried.json", "tune.json", "conv_config.ini", "quant_file.json"


@dataclass(frozen=True, kw_only=True)
class Clips:
    """What calibrates and what judges; `same` when there were no other clips to judge on."""

    calibration: tuple[Path, ...]
    judged: tuple[Path, ...]
    same: bool


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What was tried, what is on the front, what was chosen, and the files that say so."""

    results: tuple[Result, ...]
    front: tuple[str, ...]
    choice: Choice
    sites: tuple[Site, ...]
    clips: Clips
    conv_format: ConvFormat
    tensor_arrays: tuple[str, ...]
    folder: Path

    @property
    def conv_config(self) -> str:
        """`[CONV_CONFIG]` of input_config.ini."""
        chosen = None if self.conv_format == "AUTO" else self.conv_format
        return InputConfig.parse(f"[{CONV}]\n").with_conv_config(chosen, self.tensor_arrays).text()


def clips_of(project: Project) -> Clips:
    """All calibration clips; to judge, the test clips that are not among them by content, or else all.

    Raises MissingArtifact.
    """
    seen = {artifacts.sha256(path) for path in project.calibration}
    others = tuple(path for path in project.clips if artifacts.sha256(path) not in seen)
    judged = others or tuple(project.clips)
    return Clips(calibration=tuple(project.calibration), judged=judged, same=not others)


def planned(project: Project) -> list[Candidate]:
    """What would be tried, before anything is measured: the names hold, the ranking is not known yet."""
    names = conv_inputs(patterns.rewrite(Graph.load(project.onnx)))
    return candidates(
        [Site(name=n, sensitivity=0.0, worst=0.0, weights=1, first=n == names[0]) for n in names]
    )


def tune(project: Project, limits: Limits, *, out: Path, emit: Emit) -> Tuned:
    """Try the candidates, choose, and write TRIED, REPORT, CONV_CONFIG and QUANT_FILE into `out`.

    What an earlier call with the same model, clips and arithmetic tried is taken from TRIED. Raises
    CheckFailed when nothing keeps the limits; what was tried stays.
    """
    clips = clips_of(project)
    if clips.same:
        emit(Warned(step=STEP, message="judged on the clips that calibrate: set audio.calibration to others"))
    out.mkdir(parents=True, exist_ok=True)
    lab = _Lab(project, clips, emit)
    tried = _Tried(out / TRIED, _identity(project, clips))
    sites = tried.sites or lab.sites
    tried.keep_sites(sites)
    wanted = candidates(sites)
    emit(Started(step=STEP, total=len(wanted), unit="candidates"))
    results = []
    for done, candidate in enumerate(wanted, start=1):
        result = tried.results.get(candidate.name)
        if result is None:
            result = lab.judge(candidate)
            tried.keep(result)
        results.append(result)
        note = f"{candidate.name}: {result.sqnr_db:.1f} dB, {result.image_bytes} bytes"
        emit(Advanced(step=STEP, done=done, total=len(wanted), note=note))
    choice = choose(results, limits)
    bits = choice.result.candidate.conv_bits
    tuned = Tuned(
        results=tuple(results),
        front=tuple(result.candidate.name for result in front(results)),
        choice=choice,
        sites=tuple(sites),
        clips=clips,
        conv_format="ALL_INT16" if bits == "all 16" else "ALL_UINT8",
        tensor_arrays=choice.result.candidate.int16_inputs,
        folder=out,
    )
    _write(tuned, lab, emit)
    emit(Finished(step=STEP, note=f"{choice.result.candidate.name}, {choice.why}"))
    return tuned


class _Lab:
    """Measures once, when first needed; then converts and judges candidates."""

    def __init__(self, project: Project, clips: Clips, emit: Emit) -> None:
        self._project, self._clips, self._emit = project, clips, emit
        source = Graph.load(project.onnx)
        metadata = {**source.metadata, METADATA_KEY: project.contract.to_json()}
        self.source = replace(source, metadata=metadata)
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

    def judge(self, candidate: Candidate) -> Result:
        """Convert to a real image, run it on every judged clip, and hold it against float."""
        with tempfile.TemporaryDirectory(prefix="deploy-tune-") as temporary:
            fixed, image = Path(temporary) / artifacts.FIXED, Path(temporary) / artifacts.IMAGE
            qdq.quantised(self.graph, self.scheme(candidate)).save(fixed)
            write_image(fixed, image, chip=self._project.deployment.settings.chip)
            size, runner = image.stat().st_size, engine.load(image)
        outputs, times_ms = [], []
        for index, sample in enumerate(self._samples(self._clips.judged)):
            if index == 0:
                runner.run(sample)  # the first run pays for buffers that later ones reuse
            started = time.perf_counter()
            outputs.append(next(iter(runner.run(sample).values())))
            times_ms.append(1e3 * (time.perf_counter() - started))
        return self._result(candidate, outputs, size, float(np.median(times_ms)))

    def _result(self, candidate: Candidate, outputs: Sequence[Array], size: int, invoke_ms: float) -> Result:
        signals, noises, flips = [], [], []
        for wav, wanted, given in zip(self._clips.judged, self.reference, outputs, strict=True):
            signals.append(math.fsum(np.square(wanted, dtype=np.float64).ravel()))
            noises.append(math.fsum(np.square(given.astype(np.float64) - wanted).ravel()))
            if np.argmax(given) != np.argmax(wanted):
                flips.append(wav.name)
        return Result(
            candidate=candidate,
            sqnr_db=_db(math.fsum(signals), math.fsum(noises)),
            sqnr_worst_db=min(map(_db, signals, noises)),
            top1_agreement=1 - len(flips) / len(outputs),
            flips=tuple(flips),
            image_bytes=size,
            invoke_ms=invoke_ms,
        )


_SITES = TypeAdapter(tuple[Site, ...])
_RESULTS = TypeAdapter(dict[str, Result])


class _Tried:
    """What was tried with one model, set of clips and arithmetic; written after each candidate."""

    def __init__(self, path: Path, identity: str) -> None:
        self._path, self._identity = path, identity
        self.sites: tuple[Site, ...] = ()
        self.results: dict[str, Result] = {}
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields["identity"] == identity:
                self.sites = _SITES.validate_python(fields["sites"])
                self.results = _RESULTS.validate_python(fields["results"])
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            pass  # nothing usable: everything is tried anew

    def keep_sites(self, sites: Sequence[Site]) -> None:
        self.sites = tuple(sites)
        self._save()

    def keep(self, result: Result) -> None:
        self.results[result.candidate.name] = result
        self._save()

    def _save(self) -> None:
        fields = {
            "identity": self._identity,
            "sites": [asdict(site) for site in self.sites],
            "results": {name: asdict(result) for name, result in self.results.items()},
        }
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self._path)


def _identity(project: Project, clips: Clips) -> str:
    """A hash over everything that decides the results."""
    digest = hashlib.sha256()
    sources = sorted(Path(board_runner.__file__).parent.rglob("*.py"))
    for path in (project.onnx, *clips.calibration, Path(), *clips.judged, Path(), *sources):
        digest.update((artifacts.sha256(path) if path != Path() else "-").encode())
    digest.update(f"{project.contract.to_json()} {project.deployment.settings.chip}".encode())
    return digest.hexdigest()


def as_data(tuned: Tuned) -> dict[str, object]:
    """For `--json` and REPORT; an infinite SQNR is null."""
    results = [asdict(result) for result in tuned.results]
    for result in results:
        for key in ("sqnr_db", "sqnr_worst_db"):
            result[key] = result[key] if math.isfinite(result[key]) else None
    return {
        "results": results,
        "front": list(tuned.front),
        "chosen": tuned.choice.result.candidate.name,
        "why": tuned.choice.why,
        "conv_config": tuned.conv_config,
        "calibration": [path.name for path in tuned.clips.calibration],
        "judged_on": [path.name for path in tuned.clips.judged],
        "judged_on_calibration": tuned.clips.same,
        "speed": "median of this machine's simulator, not of a board",
        "sensitivities": [asdict(site) for site in tuned.sites],
    }


def _write(tuned: Tuned, lab: _Lab, emit: Emit) -> None:
    report = json.dumps(as_data(tuned), indent=1, ensure_ascii=False)
    (tuned.folder / REPORT).write_text(report + "\n", encoding="utf-8")
    (tuned.folder / CONV_CONFIG).write_text(tuned.conv_config, encoding="utf-8")
    chosen = lab.scheme(tuned.choice.result.candidate)
    quant_file.write(tuned.folder / QUANT_FILE, quant_info.entries(lab.graph, chosen))
    emit(Skipped(step="files", note=f"{REPORT}, {CONV_CONFIG}, {QUANT_FILE} in {tuned.folder}"))


def _db(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf

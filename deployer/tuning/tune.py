"""`deploy tune`: quantisations tried on real clips, most promising first, and one chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from board_runner.graph import Graph
from board_runner.quant import patterns, quant_file, quant_info
from board_runner.quant.ranges import conv_inputs
from board_runner.quant.sensitivity import Site
from deployer import artifacts
from deployer.comparison.sources import model_need
from deployer.events import Advanced, Emit, Finished, Skipped, Started, Warned
from deployer.project import Project
from deployer.scheduling.cluster import Cluster
from deployer.scheduling.scheduler import InProcess, Scheduler
from deployer.tuning.candidates import Candidate, Choice, Limits, Result, candidates, choose, front
from deployer.tuning.lab import Clips, Lab, clips_of
from deployer.tuning.tried import Tried, identity
from toolchain_wrappers.sigmastar.input_config import CONV, ConvFormat, InputConfig

STEP = "tune"
TRIED, REPORT, CONV_CONFIG, QUANT_FILE = "tried.json", "tune.json", "conv_config.ini", "quant_file.json"


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
    on_cluster: bool = False

    @property
    def conv_config(self) -> str:
        """`[CONV_CONFIG]` of input_config.ini."""
        chosen = None if self.conv_format == "AUTO" else self.conv_format
        return InputConfig.parse(f"[{CONV}]\n").with_conv_config(chosen, self.tensor_arrays).text()


def planned(project: Project) -> list[Candidate]:
    """What would be tried, before anything is measured: the names hold, the ranking is not known yet."""
    names = conv_inputs(patterns.rewrite(Graph.load(project.onnx)))
    return candidates(
        [Site(name=n, sensitivity=0.0, worst=0.0, weights=1, first=n == names[0]) for n in names]
    )


def tune(project: Project, limits: Limits, *, out: Path, scheduler: str | None = None, emit: Emit) -> Tuned:
    """Try the candidates, choose, and write TRIED, REPORT, CONV_CONFIG and QUANT_FILE into `out`.

    What an earlier call with the same model, clips and arithmetic tried is taken from TRIED. `scheduler` is a Dask
    scheduler's address: candidates are tried there, all else happens here. Raises CheckFailed when nothing keeps
    the limits (what was tried stays), ClusterFailed.
    """
    runs: Scheduler = InProcess()
    if scheduler is not None:
        onnx = project.onnx
        runs = Cluster(address=scheduler, needs=(model_need(onnx, artifacts.sha256(onnx)),))
        runs.check()
    clips = clips_of(project)
    if clips.same:
        emit(Warned(step=STEP, message="judged on the clips that calibrate: set audio.calibration to others"))
    out.mkdir(parents=True, exist_ok=True)
    lab = Lab(project, clips, emit)
    tried = Tried(out / TRIED, identity(project, clips))
    sites = tried.sites or lab.sites
    tried.keep_sites(sites)
    results = _results(lab, candidates(sites), tried, runs, emit)
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
        on_cluster=scheduler is not None,
    )
    _write(tuned, lab, emit)
    emit(Finished(step=STEP, note=f"{choice.result.candidate.name}, {choice.why}"))
    return tuned


def _results(
    lab: Lab, wanted: Sequence[Candidate], tried: Tried, scheduler: Scheduler, emit: Emit
) -> list[Result]:
    """Every candidate's, in their order; each is kept as it comes."""
    emit(Started(step=STEP, total=len(wanted), unit="candidates"))
    results: list[Result] = []
    missing = [candidate for candidate in wanted if candidate.name not in tried.results]
    with closing(lab.judge(missing, scheduler)) as fresh:
        for done, candidate in enumerate(wanted, start=1):
            result = tried.results.get(candidate.name)
            if result is None:
                result = next(fresh)
                tried.keep(result)
            results.append(result)
            note = f"{candidate.name}: {result.sqnr_db:.1f} dB, {result.image_bytes} bytes"
            emit(Advanced(step=STEP, done=done, total=len(wanted), note=note))
    return results


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
        "speed": f"median of {'a worker' if tuned.on_cluster else 'this machine'}'s simulator, not of a board",
        "sensitivities": [asdict(site) for site in tuned.sites],
    }


def _write(tuned: Tuned, lab: Lab, emit: Emit) -> None:
    report = json.dumps(as_data(tuned), indent=1, ensure_ascii=False)
    (tuned.folder / REPORT).write_text(report + "\n", encoding="utf-8")
    (tuned.folder / CONV_CONFIG).write_text(tuned.conv_config, encoding="utf-8")
    chosen = lab.scheme(tuned.choice.result.candidate)
    quant_file.write(tuned.folder / QUANT_FILE, quant_info.entries(lab.graph, chosen))
    emit(Skipped(step="files", note=f"{REPORT}, {CONV_CONFIG}, {QUANT_FILE} in {tuned.folder}"))

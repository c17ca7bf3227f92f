"""A float graph and calibration samples -> the scheme of the asked level, and what was learnt on the way."""

from __future__ import annotations

from dataclasses import dataclass

from board_runner.graph import Graph
from board_runner.quant import carried, ranges, scheme, sensitivity, statistics
from board_runner.quant.observe import Samples, check_repeatable
from board_runner.quant.ranges import Progress
from board_runner.quant.scheme import Scheme
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import Level, QuantSettings
from board_runner.quant.statistics import Statistics


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """`sites` are measured at L4 and L5; `suggested` names the inputs that L4 proposes for 16 bits, `upgraded`
    those that L5 gave them. `notes` are sentences for the user's log."""

    scheme: Scheme
    level: Level
    statistics: Statistics
    sites: tuple[Site, ...] = ()
    suggested: tuple[str, ...] = ()
    upgraded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def measure(graph: Graph, samples: Samples, *, passes: int, progress: Progress | None = None) -> Statistics:
    """Ranges in one pass, histograms in a second; `progress` counts on through both. Raises ModelError."""
    if passes > 1:
        check_repeatable(samples)
    count = 0

    def first(done: int) -> None:
        nonlocal count
        count = done
        if progress is not None:
            progress(done)

    def second(done: int) -> None:
        if progress is not None:
            progress(count + done)

    limits = ranges.measure(graph, samples, first)
    counted = statistics.histograms(graph, limits, samples, second) if passes > 1 else {}
    return Statistics(ranges=carried.tied(graph, limits), histograms=counted, samples=count)


def calibrate(
    graph: Graph, samples: Samples, settings: QuantSettings, progress: Progress | None = None
) -> Calibration:
    """Measure and decide. Raises ModelError, also for samples that cannot be gone through twice where needed."""
    level = settings.effective_level
    measured = measure(graph, samples, passes=settings.passes, progress=progress)
    decided = scheme.decide(graph, measured, settings)
    notes = []
    if level != settings.level:
        notes.append(f"all convolutions take 16 bits: {settings.level} is lowered to {level}")
    if level < "L4" or not settings.upgrade:
        return Calibration(scheme=decided, level=level, statistics=measured, notes=tuple(notes))
    sites = sensitivity.measure(graph, decided, samples, measured.samples)
    threshold = settings.sensitivity_threshold
    found = tuple(
        site.name
        for site in sites
        if site.worst > threshold and not _is_settled(site, graph, decided, settings)
    )
    if level == "L5" and found:
        decided = scheme.decide(graph, measured, settings, upgraded=found)
    verb = "upgraded to" if level == "L5" else "suggested for"
    notes += [
        f"{site.name}: {verb} 16 bits, sensitivity {site.worst:.4f} above {threshold:g}"
        for site in sites
        if site.name in found
    ]
    return Calibration(
        scheme=decided,
        level=level,
        statistics=measured,
        sites=sites,
        suggested=found if level == "L4" else (),
        upgraded=found if level == "L5" else (),
        notes=tuple(notes),
    )


def _is_settled(site: Site, graph: Graph, decided: Scheme, settings: QuantSettings) -> bool:
    """Whether the user said the bits, or they are 16 already."""
    readers = [node for node in ranges.convolutions(graph) if node.inputs[0] == site.name]
    return site.name in settings.overrides or all(decided.bits(node) == 16 for node in readers)

"""JUnit suites of what is no run: a case a pair of stages, a stage of an evaluation, a comparison by layers."""

from __future__ import annotations

import datetime
from xml.etree.ElementTree import Element, SubElement

from deployer.layers.report import LayerReport
from deployer.reporting.evaluations import EvalView
from deployer.reporting.stages import StageRow, Stages


def of_stages(compared: Stages, number: int) -> Element:
    """A pair of stages fails where a limit of `compare-sim` did not hold."""
    suite = _suite("compare-sim", number, {stage.stage: stage.detail for stage in compared.stages})
    for row in compared.comparisons:
        case = _case(suite, "deploy.compare-sim", f"{row.candidate} against {row.reference}")
        if not row.passed:
            failure = SubElement(case, "failure", type="LimitBroken", message="; ".join(row.failures))
            failure.text = "\n".join(_lines(row))
    return _ended(suite, [line for row in compared.comparisons for line in _lines(row)], compared.left_out)


def of_evaluation(view: EvalView, number: int) -> Element:
    """A stage passes: limits are `deploy eval`'s own (`--min-metric`). Its figures are in the output."""
    record = view.record
    facts = {fact.name: fact.value for fact in view.facts}
    suite = _suite(view.title, number, facts, host=record.board.name if record.board is not None else "")
    lines = []
    for stage in record.stages:
        _case(suite, f"deploy.eval.{record.model}", stage.stage)
        lines.append(f"{stage.stage}: {stage.measured.metric} {stage.measured.value:.4f}")
    left_out = [f"{each.clip}: {each.reason}" for each in record.dataset.left_out]
    return _ended(suite, lines, left_out, created=record.created)


def of_layers(report: LayerReport, number: int) -> Element:
    """Fails where the vendor's rule marks a layer."""
    name = f"layers of {report.candidate} against {report.reference}"
    known = {report.reference: report.reference_detail, report.candidate: report.candidate_detail}
    suite = _suite(name, number, known)
    case = _case(suite, "deploy.layers", name)
    marked = [f"{row.name}: {', '.join(row.marks)}" for row in report.suspicious]
    if marked:
        first = report.suspicious[0].name
        failure = SubElement(case, "failure", type="SuspiciousLayer", message=f"{len(marked)}, first {first}")
        failure.text = "\n".join(marked)
    return _ended(suite, [f"{len(report.rows)} layers"], ())


def timestamp(created: str) -> str:
    """A moment (ISO 8601) in UTC: the schema knows no offset."""
    try:
        moment = datetime.datetime.fromisoformat(created)
    except ValueError:
        return created
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _suite(name: str, number: int, known: dict[str, str], *, host: str = "") -> Element:
    suite = Element("testsuite", name=name, package="deploy", id=str(number), hostname=host or "localhost")
    properties = SubElement(suite, "properties")
    for key, value in known.items():
        SubElement(properties, "property", name=key, value=value)
    return suite


def _case(suite: Element, place: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=place, name=name, time="0.000")


def _ended(
    suite: Element, said: list[str], complaints: tuple[str, ...] | list[str], *, created: str = ""
) -> Element:
    SubElement(suite, "system-out").text = "\n".join(said)
    SubElement(suite, "system-err").text = "\n".join(complaints)
    suite.attrib |= {
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": "0",
        "skipped": "0",
        "time": "0.000",
        "timestamp": timestamp(created or "1970-01-01T00:00:00"),  # what compare-sim prints has no time
    }
    return suite


def _lines(row: StageRow) -> list[str]:
    figures = {"cosine": row.cosine_min, "RMSE": row.rmse_max, "top-1 agreement": row.top1_agreement}
    known = ", ".join(f"{name} {value:.6g}" for name, value in figures.items() if value is not None)
    head = f"{row.candidate} against {row.reference}: {known}; worst clip {row.worst_clip}"
    flips = [f"  {flip.clip}: {flip.reference.text}, then {flip.candidate.text}" for flip in row.flips]
    return [head, *flips]

"""A test case a clip, as CI systems show tests: the JUnit XML that Jenkins, GitLab and GitHub's actions read."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from deployer.labels import shown
from deployer.records import Failure, Sample
from deployer.reporting import junit_parts
from deployer.reporting.clips import VERDICTS, ClipRow
from deployer.reporting.environment import facts
from deployer.reporting.legible import legible
from deployer.reporting.page import Page, RunView
from deployer.reporting.said import says


def as_junit(page: Page) -> str:
    """A suite a run. A failed run is an error of its clip, a wrong class a failure.

    A suite takes what its runs took; a clip whose target is not known passes when every run gave a result.
    Evaluations and comparisons of stages and of layers are suites of their own (`junit_parts`).
    """
    root = Element("testsuites", name="deploy")
    number = itertools.count()
    root.extend(_suite(view, next(number)) for view in page.runs)
    root.extend(junit_parts.of_evaluation(view, next(number)) for view in page.evaluations)
    root.extend(junit_parts.of_stages(compared, next(number)) for compared in page.stages)
    root.extend(junit_parts.of_layers(report, next(number)) for report in page.layers)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ElementTree.indent(root)
    return (
        legible('<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode"))
        + "\n"
    )


def _suite(view: RunView, number: int) -> Element:
    record = view.record
    suite = Element("testsuite", name=view.title, package="deploy", id=str(number))
    properties = SubElement(suite, "properties")
    for fact in facts(record):
        SubElement(properties, "property", name=fact.name, value=fact.value)
    failed: defaultdict[str, list[Failure]] = defaultdict(list)
    took_ms: defaultdict[str, float] = defaultdict(float)
    for failure in record.failures:
        failed[failure.clip].append(failure)
    for sample in record.samples:
        took_ms[sample.clip] += _ms(sample)
    for row in view.rows:
        suite.append(_case(view, row, failed[row.clip], took_ms[row.clip] / 1000))
    SubElement(suite, "system-out").text = "\n".join(_lines(view))
    SubElement(suite, "system-err").text = "\n".join(_failure_lines(record.failures))
    suite.attrib |= {
        "tests": str(len(view.rows)),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
        "skipped": "0",
        "time": f"{sum(took_ms.values()) / 1000:.3f}",
        "timestamp": junit_parts.timestamp(record.created),
        "hostname": record.board.name,
    }
    return suite


def _case(view: RunView, row: ClipRow, failed: list[Failure], took_s: float) -> Element:
    record = view.record
    place = f"deploy.{record.model}.{record.board.name}"
    case = Element("testcase", classname=place, name=row.clip, time=f"{took_s:.3f}")
    said = says(row, record.labels) or "nothing"
    judged = f"says {said}, should be {shown(row.target, record.labels)}"
    if failed:
        message = f"{row.failed} of {row.runs} runs gave no result"
        error = SubElement(case, "error", type="RunFailed", message=message)
        error.text = "\n".join([judged, *_failure_lines(failed)])
    elif row.verdict in ("wrong", "mixed"):
        failure = SubElement(case, "failure", type="WrongClass", message=judged)
        failure.text = f"{row.verdict}: {VERDICTS[row.verdict]}"
    return case


def _lines(view: RunView) -> list[str]:
    return [f"{tile.name}: {tile.value}" + (f" ({tile.note})" if tile.note else "") for tile in view.tiles]


def _failure_lines(failures: Iterable[Failure]) -> list[str]:
    return [f"{failure.clip}, run {failure.run}: {failure.reason}" for failure in failures]


def _ms(sample: Sample) -> float:
    return sample.wall_ms if sample.wall_ms is not None else sample.invoke_ms + sample.post_process_ms

"""Several invokes in one process: what the first costs over warm ones, and starting over a clip's own I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from deployer.errors import BoardUnreachable
from deployer.events import ignore
from deployer.measuring import in_process, warmth
from deployer.measuring.in_process import Repeats
from deployer.measuring.plan import Plan
from deployer.records import REPEATED, RunRecord, Sample
from tests.boards.rig import wait_until
from tests.measuring.conftest import Rig, beside, governor
from tests.measuring.lab import Lab
from tests.measuring.simulate import SOURCES, record


def test_warm_invokes_stand_beside_the_first(lab: Lab) -> None:
    """A program that takes 7 ms at first and 5 ms then: both are told, and the bench itself is what it was."""
    code, said, _ = lab.bench("--runs", "3", "--in-process", "4")

    assert 0 == code
    found = said["record"]["measured"]["in_process"]
    assert (4, 12) == (found["invokes"], found["processes"])
    assert (found["first_ms"], found["warm_ms"]) == (pytest.approx(7, abs=0.03), pytest.approx(5, abs=0.03))
    assert found["saved"] == pytest.approx(1 - 5 / 7, abs=0.005)
    assert found["low"] <= found["saved"] <= found["high"]
    repeated = [s for s in said["record"]["samples"] if s["variant"] == REPEATED]
    assert [True, False, False, False] * 12 == [s["first_in_process"] for s in repeated]
    assert [3, 3] == [clip["runs"] for clip in said["summary"]["clips"]]
    assert {"a.wav", "b.wav"} == {clip["clip"] for clip in found["clips"]} == {s["clip"] for s in repeated}
    assert [] == list((lab.board / "tmp").glob("deploy-*"))
    assert "--in-process" in said["record"]["command"]


def test_a_program_that_answers_once_is_said_to(lab: Lab) -> None:
    """Where a folder gives one answer nothing is made up: the bench is good, and the reason is in the record."""
    lab.once.touch()
    code, said, _ = lab.bench("--runs", "3", "--in-process", "4")

    assert 0 == code
    assert "answers 1 times for a folder of 4" in said["record"]["measured"]["not_in_process"]
    assert "in_process" not in said["record"]["measured"]
    assert not [s for s in said["record"]["samples"] if s["variant"] == REPEATED]


def test_it_is_shown_wherever_a_bench_is(lab: Lab) -> None:
    """Table, Markdown and HTML name the first and the warm median, and have a column of the warm ones."""
    out, _ = lab.words("bench", "--runs", "3", "--in-process", "4")
    markdown, _ = lab.words("report")
    lab.words("report", "--out", "r.html")
    page = (lab.root / "r.html").read_text()

    assert "in one process first invoke 7." in out and " warm " in out
    assert "In one process: first invoke 7." in markdown and "| warm |" in markdown.replace(" ---: ", "")
    assert "In one process: first invoke 7." in page and "“warm”" in page


MANY = r"""#!/bin/sh
case $(readlink "$2/10000.wav") in
    */lost.wav) [ -e /customer/second ] && { echo >/customer/waits; sleep 60; }; echo >/customer/second ;;
esac
echo "inputs: $2"
echo "model path: $4"
echo "threshold: 0.5"
set -- "$2"/*
echo "found $# images!"
for clip; do
    read -r word <"$clip" || exit 3
    echo "the input image: $clip"
    echo "model invoke time: 7.5 ms"
    echo "post process time: 0.25 ms"
    echo "class id: $word"
done
"""


@pytest.fixture
def many(rig: Rig) -> Iterator[Callable[..., Plan]]:
    """Clips of a class each on a real board, with a program that answers for every file of a folder."""
    program = rig.seen(f"{rig.program.directory}/prog_many")
    program.write_text(MANY)
    program.chmod(0o755)

    def plan(*names: str) -> Plan:
        for number, name in enumerate(names):
            rig.seen(f"{rig.program.directory}/{name}").write_text(f"{number}\n")
        plain = rig.plan(names, 1)
        return dataclasses.replace(plain, program=dataclasses.replace(plain.program, name="prog_many"))

    yield plan
    rig.seen("/customer/second").unlink(missing_ok=True)


def test_real_boards_invoke_a_clip_several_times(rig: Rig, many: Callable[..., Plan]) -> None:
    """BusyBox and dash make the links, whatever a clip is called; the governor is held; nothing of it stays."""
    names = ["a.wav", "b c'$.wav"]
    found = Repeats(invokes=3)
    with rig.board() as board:
        in_process.measure(board, many(*names), found, emit=ignore)

    assert "" == found.why_not
    assert [(n, run) for run in range(1, 7) for n in names for _ in range(3)] == [
        (s.clip, s.run) for s in found.samples
    ]
    assert {("a.wav", 0), ("b c'$.wav", 1)} == {(s.clip, s.class_id) for s in found.samples}
    assert all((s.wall_ms is None) != s.first_in_process for s in found.samples)
    assert "ondemand\n" == governor(rig).read_text()
    assert [] == list(rig.seen("/tmp").glob("deploy-*"))


def test_a_connection_lost_meanwhile_leaves_what_was_measured(rig: Rig, many: Callable[..., Plan]) -> None:
    """Processes that had ended are kept, and the one under way does not outlive the connection."""
    found = Repeats(invokes=3)

    def hang_up() -> None:
        wait_until(rig.seen("/customer/waits").exists)
        rig.frame.kill(sessions=True)

    with beside(hang_up), pytest.raises(BoardUnreachable), rig.board() as board:
        in_process.measure(board, many("a.wav", "lost.wav"), found, emit=ignore)

    assert [("a.wav", 1)] * 3 + [("lost.wav", 1)] * 3 + [("a.wav", 2)] * 3 == [
        (s.clip, s.run) for s in found.samples
    ]
    wait_until(lambda: not rig.left())


def test_starting_and_a_clips_own_share_are_told_apart() -> None:
    """300 ms to start and load and 20 ms a clip: one invoke leaves 320 ms beside it, five leave 400 ms."""
    found = warmth.of(_made(first=1.25))

    assert found is not None
    assert found.start_load_ms == pytest.approx(300)
    assert found.clip_io_ms == pytest.approx(20)
    assert found.saved == pytest.approx(0.2, abs=0.03) and found.low is not None and found.high is not None
    assert found.low < 0.2 < found.high
    assert "start and load 300.0 ms" in found.apart_in_words


def test_without_repeats_nothing_is_claimed() -> None:
    """An ordinary bench has no warm invokes; figures of the bench do not see those of one that has."""
    plain = record(SOURCES["normal"], np.random.default_rng(1), 10, clips=1)
    repeated = _made(first=1.25)

    assert warmth.of(plain) is None
    assert {s.variant for s in repeated.counted} == {""}
    assert len(repeated.started) == len(repeated.counted)


def _made(*, first: float) -> RunRecord:
    rng = np.random.default_rng(7)
    plain = record(SOURCES["normal"], rng, 10, clips=2)
    alone = [dataclasses.replace(s, start_load_io_ms=320.0) for s in plain.samples]
    repeated = [
        Sample(
            clip=clip,
            run=run,
            invoke_ms=float(rng.normal(50, 0.3)) * (first if number == 0 else 1.0),
            post_process_ms=0.1,
            class_id=0,
            start_load_io_ms=400.0 if number == 0 else None,
            first_in_process=number == 0,
            variant=REPEATED,
        )
        for clip in ("0", "1")
        for run in range(6)
        for number in range(5)
    ]
    return dataclasses.replace(plain, samples=(*alone, *repeated))

"""Records with known figures, and with names that mean harm."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from deployer.comparison.decisions import Decided, Flip
from deployer.evaluation.answers import Scores
from deployer.evaluation.class_figures import ClassTally
from deployer.evaluation.dataset import Clip
from deployer.evaluation.kinds import Measured
from deployer.evaluation.record import DataSetInfo, EvalRecord, StageRecord
from deployer.evaluation.versus import Versus, mcnemar
from deployer.records import BoardInfo, Failure, RunRecord, Sample

EVIL = '"><script>alert(1)</script>$x_1$&.wav'
"""A clip's name: HTML, a quote, TeX and an entity."""

LABELS = ("dog", "<b>cat</b>", "rain|wind", "crow")

RIGHT, WRONG, MIXED, FAILED = "right.wav", EVIL, "mixed.wav", "failed.wav"

ANSWERS = {RIGHT: (0, 0, 0), WRONG: (2, 2, 2), MIXED: (2, 3, 2)}
TARGETS = {RIGHT: 0, WRONG: 1, MIXED: 2, FAILED: 3}


def record(*, id: str = "20260101-000000-bench-abcd", board: str = "desk") -> RunRecord:
    """A clip of every verdict: three runs each, of 10, 20 and 30 ms; one clip that never gave an answer."""
    samples = tuple(
        Sample(
            clip=clip,
            run=run + 1,
            invoke_ms=10.0 * (run + 1),
            post_process_ms=0.5,
            class_id=class_id,
            wall_ms=10.0 * (run + 1) + 100.5,
            started_s=run + 0.1 * place,
            temperature_c=50.0 + run,
        )
        for run in range(3)
        for place, (clip, answers) in enumerate(ANSWERS.items())
        for class_id in answers[run : run + 1]
    )
    failures = tuple(
        Failure(clip=FAILED, run=run, reason="no result\x1b[2J <img src=x onerror=alert(2)>")
        for run in (1, 2, 3)
    )
    return RunRecord(
        id=id,
        kind="bench",
        created="2026-01-01T02:00:00+02:00",
        model="eat",
        board=BoardInfo(name=board, address="root@10.0.0.1:22", chip="pcupid", temperature_c=50.0),
        labels=LABELS,
        targets=TARGETS,
        sha256={"models/eat.img": "ab" * 32, RIGHT: "cd" * 32, MIXED: "ef" * 32},
        settings={"runs": 3, "note": "</td><script>alert(3)</script>"},
        samples=samples,
        failures=failures,
        clip_seconds=dict.fromkeys(TARGETS, 5.0),
        tool_version="0.1",
        command=("deploy", "bench", "--board", board, "--runs", "3"),
    )


def long(*, clips: int, runs: int) -> RunRecord:
    """Many clips: the clip numbered i takes about 40 + i / clips ms, and one in ten is wrong."""
    random = np.random.default_rng(1)
    names = [f"clip-{i}-A-{i % 4}.wav" for i in range(clips)]
    samples = tuple(
        Sample(
            clip=name,
            run=run,
            invoke_ms=round(40 + i / clips + random.gamma(2.0, 0.2), 3),
            post_process_ms=0.4,
            class_id=(i + (i % 10 == 0)) % 4,
            started_s=(run * clips + i) * 0.1,
            temperature_c=50.0,
        )
        for run in range(1, runs + 1)
        for i, name in enumerate(names)
    )
    targets = {name: i % 4 for i, name in enumerate(names)}
    return dataclasses.replace(
        record(), samples=samples, failures=(), targets=targets, clip_seconds=dict.fromkeys(names, 5.0)
    )


def evaluation() -> EvalRecord:
    """Two stages over four clips of three classes: the second stage takes one clip more for the wrong class."""
    stages = []
    answers = {"onnx": (0, 1, 2, 2), "fixed": (0, 2, 2, 0)}
    for stage, said in answers.items():
        tally = ClassTally(3)
        for number, (target, class_id) in enumerate(zip((0, 1, 2, 2), said, strict=True)):
            scores = np.eye(3, dtype=np.float32)[class_id] * 2 + 0.1 * number
            clip = Clip(name=f"{number}-{EVIL}", path=Path(f"/nowhere/{number}.wav"), truth=str(target))
            tally.add(clip, target, Scores(values=scores))
        found = tally.figures(LABELS[:3])
        measured = Measured(metric="accuracy", value=found.accuracy, higher_is_better=True, classes=found)
        stages.append(
            StageRecord(stage=stage, detail="<i>", model_sha256="ab" * 32, key="cd" * 32, measured=measured)
        )
    flip = Flip(clip=EVIL, reference=Decided(class_id=1, margin=0.5), candidate=Decided(class_id=2), target=1)
    return EvalRecord(
        id="20260103-000000-eval-abcd",
        created="2026-01-03T00:00:00+00:00",
        model="eat",
        board=None,
        labels=LABELS[:3],
        sha256={"dataset": "ef" * 32},
        settings={"stages": ["onnx", "fixed"]},
        dataset=DataSetInfo(
            path="/data/my clips", layout="class folders", folds=("5",), clips=4, distinct=4, sha256="ef" * 32
        ),
        stages=tuple(stages),
        versus=(
            Versus(
                reference="onnx", candidate="fixed", clips=4, alike=2, mcnemar=mcnemar(2, 0), flips=(flip,)
            ),
        ),
        tool_version="0.1",
    )

"""A bench as the tests make it: two clips of two runs, times that the caller chooses."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.records import BoardInfo, Failure, RunRecord, Sample

CLIPS = ("1-1-A-0.wav", "1-2-A-1.wav")


def bench(
    id: str = "20260101-000000-bench-abcd",
    *,
    created: str = "2026-01-01T00:00:00+00:00",
    model: str = "eat",
    board: str = "desk",
    chip: str | None = "pcupid",
    invoke_ms: Sequence[float] = (10.0, 20.0, 30.0, 40.0),
    class_ids: Sequence[int] = (0, 1, 0, 0),
    tool_version: str = "0",
) -> RunRecord:
    """The clips take turns, so every second time and answer is of the second clip."""
    samples = tuple(
        Sample(clip=CLIPS[n % 2], run=1 + n // 2, invoke_ms=ms, post_process_ms=0.5, class_id=class_id)
        for n, (ms, class_id) in enumerate(zip(invoke_ms, class_ids, strict=True))
    )
    return RunRecord(
        id=id,
        kind="bench",
        created=created,
        model=model,
        board=BoardInfo(name=board, address="root@10.0.0.1:22", chip=chip),
        labels=("dog", "rooster"),
        targets={CLIPS[0]: 0, CLIPS[1]: 1},
        sha256={"models/eat.img": "ab" * 32},
        settings={"runs": 2},
        samples=samples,
        failures=(Failure(clip=CLIPS[1], run=3, reason="keine Antwort \N{SNOWMAN}"),),
        tool_version=tool_version,
    )

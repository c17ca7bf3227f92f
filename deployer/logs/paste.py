"""A pasted serial or telnet log as a run record."""

from __future__ import annotations

from pathlib import PurePosixPath

from deployer import __version__, prepare, records
from deployer.logs import parser
from deployer.logs.parser import RunOutput
from deployer.records import Answer, BoardInfo, Failure, RunRecord, Sample, answer_of


def parse_log(text: bytes, *, source: str, model: str, labels: list[str]) -> RunRecord:
    """Every run of the log, numbered per clip; runs cut short or answering for another file are failures."""
    samples: list[Sample] = []
    failures: list[Failure] = []
    answers: dict[str, Answer] = {}
    seen: dict[str, int] = {}
    for output in parser.parse_stream(text):
        clip = clip_of(output)
        seen[clip] = seen.get(clip, 0) + 1
        fault = fault_of(output)
        if fault is not None:
            failures.append(Failure(clip=clip, run=seen[clip], reason=fault))
        else:
            answer = answer_of(output.said, clip=clip)
            samples.append(_sample(output, clip, seen[clip], answer.key if answer else ""))
            if answer is not None:
                answers.setdefault(answer.key, answer)
    run_id, created = records.new_id("parse")
    targets = {clip: prepare.target_of(clip) for clip in seen}
    return RunRecord(
        id=run_id,
        kind="parse",
        created=created,
        model=model,
        board=BoardInfo(name=source),
        labels=tuple(labels),
        targets={clip: target for clip, target in targets.items() if target is not None},
        sha256={},
        settings={"log": source},
        samples=tuple(samples),
        failures=tuple(failures),
        answers=tuple(answers.values()),
        tool_version=__version__,
    )


def _sample(output: RunOutput, clip: str, run: int, answer: str) -> Sample:
    # `complete` says that these are there; the types do not know it.
    assert output.invoke_ms is not None
    assert output.post_process_ms is not None
    return Sample(
        clip=clip,
        run=run,
        invoke_ms=output.invoke_ms,
        post_process_ms=output.post_process_ms,
        class_id=output.class_id,
        answer=answer,
        first_chunk_ms=output.first_chunk_ms,
    )


def clip_of(output: RunOutput) -> str:
    """The wav a run was about, as far as the log says."""
    said = output.image or output.inputs or output.asked_wav
    return PurePosixPath(said).name if said else "unknown"


def fault_of(output: RunOutput) -> str | None:
    """Why a run does not count; None when it does."""
    if not output.complete:
        return str(output.error) if output.error else "cut short: no result line"
    wrong = parser.check_asked(output, output.asked_wav, output.asked_model)
    return "; ".join(wrong) if wrong else None

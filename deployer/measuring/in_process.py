"""Several invokes in one process: the first against warm ones, and what starting costs apart from a clip's own I/O.

The program is given a folder that holds one clip under several names, as links, so that it answers for each of them
in one process. A program that answers once a process, whatever it is given, cannot be measured so; that is said.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field, replace

from deployer.board.base import Board
from deployer.errors import ProgramFailed
from deployer.events import Advanced, Emit, Finished, Skipped, Started
from deployer.logs import parser
from deployer.logs.parser import RunOutput
from deployer.measuring.conduct import GOVERNOR, Conductor, Stuck
from deployer.measuring.plan import Plan
from deployer.measuring.stream import Ran
from deployer.records import REPEATED, RunRecord, Sample

STEP = "invokes in one process"

PROCESSES = 6
"""Of each clip: the fewest whose first invokes have an interval at all."""

MOST_CLIPS = 20
"""Of a bench with more, the first so many are measured."""

TIMEOUT_S = 30.0

LINKS = """
folder=$1 count=$2
cd -- "$3" || exit 1
shift 3
umask 077
mkdir "$folder" || exit 1
n=0
for clip; do
    mkdir "$folder/$n" || exit 1
    i=0
    while [ $i -lt "$count" ]; do
        ln -s "$PWD/$clip" "$folder/$n/$((10000 + i)).wav" || exit 1
        i=$((i + 1))
    done
    n=$((n + 1))
done
"""
"""`sh -c LINKS sh FOLDER COUNT DIRECTORY CLIP...`: below FOLDER, which must not be there, a folder of each clip."""

REMOVE = 'rm -rf -- "$1"\n'


@dataclass(kw_only=True)
class Repeats:
    """What is asked for, and what became of it. `why_not`: the program cannot do it, and how that showed."""

    invokes: int = 1
    samples: list[Sample] = field(default_factory=list)
    why_not: str = ""

    def into(self, record: RunRecord) -> RunRecord:
        """The record with these samples, or with why there are none."""
        why = {"not_in_process": self.why_not} if self.why_not else {}
        samples = (*record.samples, *self.samples)
        return replace(record, samples=samples, measured={**record.measured, **why})


def measure(board: Board, plan: Plan, found: Repeats, *, governor: str | None = GOVERNOR, emit: Emit) -> None:
    """Fill `found`, process by process, so that what a lost connection leaves is kept. One invoke asks for nothing.

    Raises BoardUnreachable. A program that fails, or answers fewer times than asked, ends it with `why_not`.
    """
    if found.invokes < 2:
        return
    folder = f"/tmp/deploy-{secrets.token_hex(6)}"
    clips = plan.clips[:MOST_CLIPS]
    emit(Started(step=STEP, total=PROCESSES * len(clips), unit="processes"))
    directory = str(plan.program.directory)
    made = board.script(LINKS, folder, str(found.invokes), directory, *clips, timeout_s=TIMEOUT_S)
    try:
        if made.exit_status == 0:
            _run(board, plan, folder, found, governor=governor, emit=emit)
        else:
            said = made.stderr.decode("utf-8", "replace").strip()
            found.why_not = f"the board has no place for links to the clips: {said or 'no reason given'}"
    finally:
        board.script(REMOVE, folder, timeout_s=TIMEOUT_S)
    if found.why_not:
        emit(Skipped(step=STEP, note=found.why_not))
    else:
        emit(Finished(step=STEP, note=f"{len(found.samples)} invokes"))


def _run(board: Board, plan: Plan, folder: str, found: Repeats, *, governor: str | None, emit: Emit) -> None:
    program = plan.program
    folders = {f"{folder}/{n}": clip for n, clip in enumerate(plan.clips[:MOST_CLIPS])}
    longer = replace(program, timeout_s=program.timeout_s * found.invokes)
    processes = Plan(program=longer, clips=tuple(folders), runs=PROCESSES)
    conductor = Conductor(board, processes, governor=governor)
    at = 0

    def take(ran: Ran) -> None:
        nonlocal at
        at = ran.index + 1
        item = processes.item(ran.index)
        clip = folders[item.clip]
        try:
            found.samples += samples_of(ran, program.name, clip=clip, run=item.run, invokes=found.invokes)
        except ProgramFailed as e:
            found.why_not = str(e)
            conductor.stop()
        emit(Advanced(step=STEP, done=at, total=processes.total, note=clip))

    try:
        while at < processes.total and not found.why_not:
            conductor.run(at, take)
    except Stuck as e:
        found.why_not = f"{e} on the board"


def samples_of(ran: Ran, name: str, *, clip: str, run: int, invokes: int) -> list[Sample]:
    """A sample an invoke. The first carries the process's whole time, and what is left of it for the rest.

    Raises ProgramFailed where there are not as many answers as links.
    """
    outputs = [each for each in parser.parse_stream(ran.completed.stdout) if each.complete]
    if len(outputs) != invokes:
        known = parser.find_failure(ran.completed.stdout + b"\n" + ran.completed.stderr)
        why = f": {known.message}" if known is not None else ""
        raise ProgramFailed(f"{name} answers {len(outputs)} times for a folder of {invokes} clips{why}")
    spent_ms = math.fsum(sum(_times(each)) for each in outputs)
    wall_ms = ran.completed.elapsed_ms
    return [
        Sample(
            clip=clip,
            run=run,
            invoke_ms=_times(output)[0],
            post_process_ms=_times(output)[1],
            class_id=output.class_id,
            wall_ms=None if number else wall_ms,
            start_load_io_ms=None if number else wall_ms - spent_ms,
            first_in_process=number == 0,
            variant=REPEATED,
            temperature_c=ran.state.temperature_c,
            frequency_khz=ran.state.frequency_khz,
        )
        for number, output in enumerate(outputs)
    ]


def _times(output: RunOutput) -> tuple[float, float]:
    return output.invoke_ms or 0.0, output.post_process_ms or 0.0

"""Start the board program once and judge it by its result line, never by its exit code alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from board_runner.errors import DeployError
from deployer.board.access.hostkeys import state_dir
from deployer.board.base import Board, Completed
from deployer.errors import HookFailed, ProgramFailed
from deployer.logs import parser
from deployer.logs.parser import RunOutput
from deployer.logs.said import Said
from deployer.records import Answer
from deployer.running import aftermath, guard, last_run
from deployer.running.aftermath import Aftermath

KEPT_BYTES = 400
"""How much of a failed program's last words an error message repeats."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """The board program where `push` put it, and how to start it."""

    directory: PurePosixPath  # the release directory, `.../current`
    name: str = "prog_sed_eat"
    model: str = "models/eat.img"
    timeout_s: float = 60.0
    env: Mapping[str, str] = field(default_factory=dict)

    def argv(self, clip: str) -> list[str]:
        """The vendor's command line for one wav."""
        return [f"./{self.name}", "-i", clip, "-m", self.model]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run that gave its result line: both times are there, and a class id or what was `said` in its place."""

    output: RunOutput
    invoke_ms: float
    post_process_ms: float
    class_id: int | None
    wall_ms: float
    said: Said | None = None
    answer: Answer | None = None  # `said` as the history keeps it
    warnings: tuple[str, ...] = ()
    hook_failure: HookFailed | None = None
    run_id: str | None = None  # in the history

    def raise_failure(self) -> None:
        """Raise HookFailed when the board's after-hooks failed: the result is good, the board may not be."""
        if self.hook_failure is not None:
            raise self.hook_failure


def run_clip(
    board: Board, program: Program, clip: str, *, on_line: Callable[[str], None] | None = None
) -> Result:
    """Run one clip, in one command where all goes well.

    Raises ProgramFailed when no result came, with the program's own words and what the board is like after it;
    RunLost (a BoardUnreachable) when the connection went meanwhile and the board does not tell why.
    """
    try:
        ran = guard.run(
            board, program.argv(clip), timeout_s=program.timeout_s, cwd=program.directory, env=program.env
        )
    except guard.RunLost as e:
        raise _lost(board, program, clip, e) from e
    completed = ran.completed
    last_run.keep(state_dir(), board.address, program.argv(clip), completed)
    if on_line:
        for line in (completed.stdout + completed.stderr).decode("utf-8", "replace").splitlines():
            on_line(line)
    try:
        return judge(completed, program, clip)
    except ProgramFailed as e:
        raise explained(e, aftermath.ask(board, ran.start)) from None


def explained(failure: ProgramFailed, after: Aftermath) -> ProgramFailed:
    """The failure with what the board is like after it. A cure that the board needs goes before the program's."""
    words = after.in_words()
    return ProgramFailed(
        f"{failure}; {words}" if words else str(failure),
        hint=(after.hint or failure.hint) if after.sick else (failure.hint or after.hint),
        aftermath=after,
    )


def _lost(board: Board, program: Program, clip: str, lost: guard.RunLost) -> DeployError:
    """Ask once more over a new connection what has become of the board."""
    while_running = f"while {program.name} ran on {clip}"
    if not aftermath.reconnect(board):
        return guard.RunLost(
            f"{lost}, {while_running}; the board does not answer a new connection either",
            hint="did it lose power or network, or does it reboot? `deploy board probe` tells when it is back",
            start=lost.start,
        )
    after = aftermath.ask(board, lost.start)
    if not after.rebooted:
        hint = lost.hint if after.rebooted is None else "it did not reboot: is the network steady? try again"
        return guard.RunLost(f"{lost}, {while_running}; the board is there", hint=hint, start=lost.start)
    return ProgramFailed(
        f"the board rebooted {while_running}; what its kernel said before is lost",
        hint="a program that takes the board down does so again: watch its serial console during the next run",
        aftermath=after,
    )


def judge(completed: Completed, program: Program, clip: str) -> Result:
    """A finished command -> its result. Raises ProgramFailed."""
    outputs = parser.parse_stream(completed.stdout)
    whole = [output for output in outputs if output.complete]
    if len(whole) != 1:
        raise _failure(completed, program, clip, outputs)
    output = whole[0]
    if output.invoke_ms is None or output.post_process_ms is None:
        raise _failure(completed, program, clip, outputs)
    mismatches = parser.check_asked(output, clip, program.model)
    if mismatches:
        raise ProgramFailed(
            f"{program.name} answered for something else: {'; '.join(mismatches)}",
            hint="`deploy push` puts the program and model of this project on the board",
        )
    warnings = []
    if completed.exit_status != 0:
        warnings.append(f"{program.name} gave a result, yet its exit status is {completed.exit_status}")
    return Result(
        output=output,
        invoke_ms=output.invoke_ms,
        post_process_ms=output.post_process_ms,
        class_id=output.class_id,
        said=output.said,
        wall_ms=completed.elapsed_ms,
        warnings=tuple(warnings),
    )


def _failure(completed: Completed, program: Program, clip: str, outputs: list[RunOutput]) -> ProgramFailed:
    status = completed.exit_status
    if completed.timed_out:
        what = f"was stopped after {program.timeout_s:g} s without a result"
    else:
        what = f"gave no result for {clip} (exit status {status if status is not None else 'none: killed'})"
    hint = _HINTS.get(status, "") if status is not None else ""
    known = parser.find_failure((completed.stdout + b"\n" + completed.stderr).decode("utf-8", "replace"))
    known = known or next((output.error for output in outputs if output.error is not None), None)
    if known is not None:
        return ProgramFailed(f"{program.name} {what}: {known.message}", hint=known.hint or hint)
    tail = (completed.stderr or completed.stdout)[-KEPT_BYTES:].decode("utf-8", "replace").strip()
    # A board's bytes are no commands for this terminal; the unchanged ones are in `deploy board logs --program`.
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in tail)
    words = f"; it ended with: {shown}" if shown else "; it printed nothing"
    return ProgramFailed(f"{program.name} {what}{words}", hint=hint)


_HINTS = {
    126: "the file system may be mounted noexec: try another `directory:` for this board",
    127: "nothing pushed yet (`deploy push`), or the program needs a loader or library the board lacks",
}

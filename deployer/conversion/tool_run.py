"""One run of a vendor's tool: streamed, held to a deadline on progress, stopped with all it started."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer import shell
from deployer.events import Advanced, Emit, Logged
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import stated_status
from toolchain_wrappers.sigmastar import commands
from toolchain_wrappers.sigmastar.console import Console, explain, plain
from toolchain_wrappers.sigmastar.tools import Tools


@dataclass(frozen=True, kw_only=True)
class ToolRan:
    """How a run ended; `log` is all it printed, `last_words` its last line that says something."""

    exit_status: int
    log: Path
    last_words: str
    meaning: str = ""
    cure: str = ""

    def failure(self, what: str) -> ToolchainError:
        """`what` went wrong, how the run ended, what is known of that, and where the whole log is."""
        meaning = f" ({self.meaning})" if self.meaning else ""
        return ToolchainError(
            f"{what}; it ended with exit status {self.exit_status}: {self.last_words}{meaning}",
            hint=f"{self.cure + '; ' if self.cure else ''}the whole log is {self.log}",
        )


def run(
    tools: Tools,
    argv: Sequence[str],
    *,
    step: str,
    cwd: Path,
    log: Path,
    stall_timeout_s: float,
    emit: Emit,
    grows: Path | None = None,
) -> ToolRan:
    """Run a command of `tools`; its exit status is reported, not judged, for the vendor's says little.

    Raises ToolchainError when it made no progress for `stall_timeout_s`: a new stage or a bar that moved counts,
    and what was written below `grows`, for a simulator of one process is silent. A bar redrawn in place does not.
    """
    console = Console(tools.profile.console)
    name = f"deploy-{uuid.uuid4().hex[:16]}"

    def progressed(line: str) -> bool:
        return console.feed(line) is not None

    def on_line(line: str) -> None:
        reading = console.reading
        if console.is_bar(line):
            emit(Advanced(step=step, done=int(reading.percent or 0), total=100, note=reading.stage))
        elif text := plain(line):
            emit(Logged(step=step, line=text))

    written = commands.snapshot(grows) if grows is not None else {}

    def alive() -> bool:
        nonlocal written
        before = written
        try:
            written = commands.snapshot(grows) if grows is not None else {}
        except OSError:  # files come and go under our eyes: something works
            return True
        return written != before

    log.parent.mkdir(parents=True, exist_ok=True)
    ran = shell.stream(
        tools.runtime.wrap(argv, cwd=cwd, name=name),
        cwd=cwd,
        log=log,
        on_line=on_line,
        progressed=progressed,
        alive=alive,
        idle_timeout_s=stall_timeout_s,
        stop=tools.runtime.stop(name),
    )
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    stated = stated_status(lines)
    known = explain(lines, tools.profile.failures)
    return ToolRan(
        exit_status=ran.exit_status or stated or 0,
        log=log,
        last_words=last_words(lines),
        meaning=known.means if known else "",
        cure=known.cure if known else "",
    )


def last_words(lines: Sequence[str]) -> str:
    """The last line that says something, without colours and apart from our own mark."""
    texts = (plain(line) for line in reversed(lines))
    return next((text for text in texts if text and stated_status([text]) is None), "it printed nothing")

"""What is done on each board by the commands of `deploy board`: asked, told to run a command, read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from deployer.board.access.hostkeys import state_dir
from deployer.board.base import BoardFacts, Link
from deployer.board.config import BoardConfig
from deployer.board.ssh import SshBoard
from deployer.errors import MissingArtifact, ProgramFailed, TransferError
from deployer.events import Emit, Logged
from deployer.release import lock
from deployer.release.lock import Holder
from deployer.running import guard, last_run
from deployer.running.last_run import LastRun

KEPT_BYTES = 1 << 20
"""How much of each stream of a command is kept for a board, when it is to be kept at all."""

_ASK_TIMEOUT_S = 30.0
_CLOCKS = """
boot=; up=
read -r boot </proc/sys/kernel/random/boot_id
read -r up rest </proc/uptime
echo "$boot"
echo "$up"
"""


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """How a command ended on one board; its streams, as far as they were to be kept."""

    exit_status: int | None  # None: a signal or the deadline ended it
    timed_out: bool
    elapsed_ms: float
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command for boards; `argv` is data, no shell reads it."""

    argv: tuple[str, ...]
    timeout_s: float = 60.0
    cwd: PurePosixPath | None = None


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a board says of itself, and what is known of the way to it."""

    facts: BoardFacts
    link: Link


def probe(config: BoardConfig, emit: Emit) -> Probed:
    """Ask a board what it is."""
    with SshBoard(config, emit=emit) as board:
        return Probed(facts=board.facts(config.directory), link=board.link())


def run_command(
    command: Command,
    config: BoardConfig,
    emit: Emit,
    *,
    keep: bool = False,
    on_output: Callable[[str, bytes], None] | None = None,
) -> CommandRun:
    """Run a command on a board; its streams go to `on_output` as they come, and are kept if asked."""
    with SshBoard(config, emit=emit) as board:
        ran = guard.run(
            board, command.argv, timeout_s=command.timeout_s, cwd=command.cwd, on_output=on_output
        )
    done = ran.completed
    return CommandRun(
        exit_status=done.exit_status,
        timed_out=done.timed_out,
        elapsed_ms=done.elapsed_ms,
        stdout=_kept(done.stdout) if keep else b"",
        stderr=_kept(done.stderr) if keep else b"",
    )


def judge_command(command: Command, done: CommandRun) -> None:
    """Raises ProgramFailed unless the command ended with 0."""
    if done.timed_out:
        raise ProgramFailed(
            f"{command.argv[0]} was stopped after {command.timeout_s:g} s", hint="--timeout gives it longer"
        )
    if done.exit_status is None:
        raise ProgramFailed(f"{command.argv[0]} was ended by a signal")
    if done.exit_status != 0:
        raise ProgramFailed(f"{command.argv[0]} ended with {done.exit_status}")


class Lines:
    """Bytes of two streams as they come -> whole lines, each an event whose step is the stream's name."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._rest = {"stdout": b"", "stderr": b""}

    def __call__(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._rest[stream] + data).split(b"\n")
        for line in lines:
            self._line(stream, line)
        if len(rest) > KEPT_BYTES:  # a program that never ends a line
            self._line(stream, rest)
            rest = b""
        self._rest[stream] = rest

    def end(self) -> None:
        """What was not ended by a line break is a line too."""
        for stream, rest in self._rest.items():
            if rest:
                self._line(stream, rest)

    def _line(self, stream: str, line: bytes) -> None:
        self._emit(Logged(step=stream, line=line.decode("utf-8", "replace").rstrip("\r")))


@dataclass(frozen=True, kw_only=True)
class LockShown:
    """Who is at work on a board; `holder` None: nobody. `broken`: the lock has been taken away just now."""

    holder: Holder | None
    age_s: float | None = None
    dead: str | None = None  # why nobody can be at work under it any more, where that is proven
    broken: bool = False

    def in_words(self) -> str:
        """Purpose, user, machine, process and age."""
        if self.holder is None:
            return "free"
        by = self.holder
        since = "since before the board's last start" if self.age_s is None else f"for {self.age_s:.0f} s"
        stale = f"; stale: {self.dead}" if self.dead else ""
        broken = "broken: " if self.broken else ""
        return f"{broken}{by.purpose} by {by.user} on {by.machine} (process {by.pid}), {since}{stale}"


def lock_of(config: BoardConfig, emit: Emit, *, take_away: bool = False) -> LockShown:
    """Who holds the board, and with `take_away` no longer does. Raises TransferError where it cannot be removed."""
    with SshBoard(config, emit=emit) as board:
        holder = lock.read(board, config.directory)
        if holder is None:
            return LockShown(holder=None)
        said = board.script(_CLOCKS, timeout_s=_ASK_TIMEOUT_S).stdout.decode("utf-8", "replace").splitlines()
        boot_id, uptime, *_ = [*said, "", ""]
        uptime_s = float(uptime) if uptime.replace(".", "", 1).isdigit() else None
        if take_away:
            lock.break_lock(board, config.directory)
            if lock.read(board, config.directory) == holder:
                raise TransferError(
                    f"{config.name}: the lock in {config.directory} cannot be removed",
                    hint="is the file system mounted read-only, may the user write there?",
                )
    return LockShown(
        holder=holder,
        age_s=holder.age_s(boot_id, uptime_s),
        dead=holder.is_dead(boot_id),
        broken=take_away,
    )


@dataclass(frozen=True, kw_only=True)
class Logs:
    """The kernel's newest lines (None: not asked for), and the board program's last run, if one is kept here."""

    kernel: tuple[str, ...] | None
    last_run: LastRun | None


def logs(config: BoardConfig, emit: Emit, *, lines: int | None) -> Logs:
    """What there is to read about a board; with `lines` None the board itself is not asked.

    Raises MissingArtifact where nothing is kept then, ProgramFailed where the board does not show its log.
    """
    if lines is None:
        return Logs(kernel=None, last_run=last_run.load(state_dir(), config.address))
    kept: LastRun | None = None
    with contextlib.suppress(MissingArtifact):
        kept = last_run.load(state_dir(), config.address)
    return Logs(kernel=_kernel_log(config, emit, lines), last_run=kept)


def _kernel_log(config: BoardConfig, emit: Emit, lines: int) -> tuple[str, ...]:
    with SshBoard(config, emit=emit) as board:
        done = board.run(["dmesg"], timeout_s=_ASK_TIMEOUT_S)
    if done.exit_status != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ProgramFailed(
            f"{config.name}: dmesg gave nothing: {said[-1] if said else f'exit status {done.exit_status}'}",
            hint="its BusyBox may lack the applet, or only root may read the kernel's log",
        )
    return tuple(done.stdout.decode("utf-8", "replace").splitlines()[-lines:])


def _kept(data: bytes) -> bytes:
    if len(data) <= KEPT_BYTES:
        return data
    return data[:KEPT_BYTES] + f"\n[{len(data) - KEPT_BYTES} more bytes not kept]\n".encode()

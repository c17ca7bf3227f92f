"""A board's `before:` and `after:` commands around what is run on it.

After-hooks put things back (restart an autostart application), so they run whatever happened in between: a failed
run, a failed before-hook, Ctrl-C, and after a lost connection over one new one, if the board takes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from deployer.board.base import Board, Completed
from deployer.board.config import BoardConfig
from deployer.errors import BoardUnreachable, HookFailed
from deployer.events import Emit, Logged, Warned, ignore
from deployer.running import aftermath

STEP = "hooks"
TIMEOUT_S = 60.0
"""How long one hook may take. One that starts a program for good ends its command with `&`."""

_KEPT_BYTES = 400

HOOK = r"""
f=${TMPDIR:-/tmp}/.deploy-hook-$$
rm -f "$f"
if (set -C; : >"$f") 2>/dev/null; then
    trap 'rm -f "$f"; exit 143' TERM
    sh -c "$1" </dev/null >"$f" 2>&1
    s=$?
    cat "$f"
    rm -f "$f"
    exit $s
fi
exec sh -c "$1" </dev/null >/dev/null 2>&1
"""
"""`sh -c HOOK sh COMMAND`. Its output goes through a file, since a program that it leaves running would hold a
pipe, and with it the connection's channel, open."""


@dataclass
class Hooked:
    """How the after-hooks went: `failure` is the first that failed, and None as long as none has."""

    failure: HookFailed | None = None


@contextlib.contextmanager
def around(
    board: Board, config: BoardConfig, *, emit: Emit = ignore, timeout_s: float = TIMEOUT_S
) -> Iterator[Hooked]:
    """Run the block between the board's hooks. A failed before-hook raises HookFailed, and the block is not run.

    A failed after-hook is a warning; it is kept in what is yielded, for the caller to raise when nothing else
    has failed and the results are shown. Raises BoardUnreachable.
    """
    hooked = Hooked()
    try:
        for command in config.before:
            _one(board, "before", command, timeout_s, emit)
        yield hooked
    except BaseException:
        _all_after(board, config, timeout_s, emit)
        raise
    else:
        hooked.failure = _all_after(board, config, timeout_s, emit)


def _all_after(board: Board, config: BoardConfig, timeout_s: float, emit: Emit) -> HookFailed | None:
    """Every after-hook, whatever the one before it did; the first failure."""
    failures = []
    for number, command in enumerate(config.after):
        try:
            _connected(board, command, timeout_s, emit)
        except HookFailed as e:
            emit(Warned(step=STEP, message=str(e)))
            failures.append(e)
        except (BoardUnreachable, KeyboardInterrupt) as e:
            _not_run(board, config.after[number:], emit)
            if isinstance(e, KeyboardInterrupt):
                raise
            failures.append(HookFailed(f"{board.name}: the after-hooks were not run: {e}", hint=e.hint))
            break
    return failures[0] if failures else None


def _connected(board: Board, command: str, timeout_s: float, emit: Emit) -> None:
    """One after-hook; over a new connection where the old one has gone."""
    try:
        _one(board, "after", command, timeout_s, emit)
    except BoardUnreachable:
        if not aftermath.reconnect(board):
            raise
        _one(board, "after", command, timeout_s, emit)


def _one(board: Board, kind: str, command: str, timeout_s: float, emit: Emit) -> None:
    done = board.script(HOOK, command, timeout_s=timeout_s)
    said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    for line in said.splitlines():
        emit(Logged(step=STEP, line=line))
    if done.exit_status != 0:
        raise HookFailed(
            f"{board.name}: the {kind}-hook `{command}` {_ending(done, timeout_s)}"
            + (f": {said[-_KEPT_BYTES:]}" if said else ""),
            hint=f"correct `{kind}:` of {board.name}, or what it calls on the board",
        )


def _ending(done: Completed, timeout_s: float) -> str:
    if done.timed_out:
        return f"was stopped after {timeout_s:g} s (one that starts a program for good ends with `&`)"
    return "was killed" if done.exit_status is None else f"ended with exit status {done.exit_status}"


def _not_run(board: Board, commands: tuple[str, ...], emit: Emit) -> None:
    listed = ", ".join(f"`{command}`" for command in commands)
    message = f"{board.name}: these after-hooks did not run, or not to their end; run them by hand: {listed}"
    emit(Warned(step=STEP, message=message))

"""Start a program on the board so that it cannot outlive whoever asked for it, in the one command that runs it.

The program itself is what the SSH server has started, by `exec`: its exit status, its signals and its streams are
its own. Beside it waits a watcher: one small shell, or two and a `sleep` where the shell's `read` knows no time
limit. It ends the program when the board's own deadline comes, and when its standard input ends while the program
runs: the host holds that input open, sends nothing, and it ends when the host's process, its connection or its
network has gone.
"""

from __future__ import annotations

import math
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from deployer.board.base import Board, Completed, OnOutput
from deployer.board.clients.stop import FAMILY, GRACE_S
from deployer.errors import BoardUnreachable

SPARE_S = 10
"""The board's own deadline comes so much later than the host's, which stops its programs itself while it can."""

GUARD = (
    FAMILY
    + r"""
token=$1 limit=$2 grace=$3 dir=$4
shift 4
cd -- "$dir" || exit 1
while [ "$1" != -- ]; do export "$1"; shift; done
shift
p=$$ boot= up= stat= stamped= lines=
exec 3<&0 4>&2 2>/dev/null
read -r boot </proc/sys/kernel/random/boot_id
read -r up x </proc/uptime
read -r stat </proc/$p/stat
read -r stamped </sys/module/printk/parameters/time
[ "$stamped" = Y ] || lines=$(dmesg | wc -l)
echo "$token $p ${boot:--} ${up:--} ${lines:--}" >&4
began() { set -- ${1##*) }; shift 19; began=$1; }
began "$stat"
first=$began
(
    trap '' HUP
    exec </dev/null >/dev/null 4>&-
    r=
    read -r -t 1 x </dev/null
    if [ $? = 1 ]; then
        while read -r -t "$limit" x <&3; do :; done
    else
        sleep "$limit" &
        s=$!
        ( while read -r x; do :; done; kill "$s" ) <&3 &
        r=$!
        exec 3<&-
        wait "$s"
    fi
    now=
    read -r now </proc/$p/stat && began "$now" && [ "$began" = "$first" ] || exit
    read -r me x </proc/self/stat
    spare=" $me $r "
    end
) &
exec "$@" </dev/null 2>&4 3<&- 4>&-
"""
)
"""`sh -c GUARD sh TOKEN LIMIT_S GRACE_S DIRECTORY [NAME=VALUE...] -- PROGRAM [ARGUMENT...]`."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """How things stood on the board when a program began; None where the board does not say.

    `kernel_lines`: how long the kernel's log was, asked only where its lines have no times.
    """

    pid: int
    boot_id: str | None = None
    uptime_s: float | None = None
    kernel_lines: int | None = None


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A program that has ended; `start` is None when it was never begun (no such directory)."""

    completed: Completed
    start: Start | None


class RunLost(BoardUnreachable):
    """The connection went while a program ran; `start` is what was known by then."""

    def __init__(self, message: str, *, hint: str = "", start: Start | None = None) -> None:
        super().__init__(message, hint=hint)
        self.start = start


def run(
    board: Board,
    argv: Sequence[str],
    *,
    timeout_s: float,
    cwd: PurePosixPath | None = None,
    env: Mapping[str, str] | None = None,
    on_output: OnOutput | None = None,
    spare_s: float = SPARE_S,
) -> Guarded:
    """Run one program, in `cwd` or where a log-in begins, with nothing to read. Raises RunLost."""
    mark = Mark(on_output)
    words = [mark.token, str(math.ceil(timeout_s + spare_s)), str(GRACE_S), str(cwd or ".")]
    words += [f"{name}={value}" for name, value in (env or {}).items()]
    over = threading.Event()
    try:
        completed = board.script(
            GUARD, *words, "--", *argv, timeout_s=timeout_s, stdin=_silence(over), on_output=mark.take
        )
    except BoardUnreachable as e:
        raise RunLost(str(e), hint=e.hint, start=mark.start) from e
    finally:
        over.set()
    stderr = mark.removed(completed.stderr)
    return Guarded(completed=replace(completed, stderr=stderr), start=mark.start)


class Mark:
    """The line on stderr in which the guard tells how things stand; taken out of what the caller sees."""

    _PATIENCE_BYTES = 8192

    def __init__(self, on_output: OnOutput | None = None) -> None:
        self.token = f"@guard-{secrets.token_hex(6)}"
        self.start: Start | None = None
        self._line = re.compile(rb"%s (\d+) (\S+) (\S+) (\S+)\n" % self.token.encode())
        self._held = b""
        self._passing = False
        self._on_output = on_output

    def take(self, stream: str, data: bytes) -> None:
        """Output as it comes; stderr waits until the line has, or can no longer be expected."""
        if stream == "stderr" and not self._passing:
            self._held += data
            found = self._line.search(self._held)
            if found is None and len(self._held) < self._PATIENCE_BYTES:
                return
            self._passing = True
            if found is not None:
                self.start = _start(*(word.decode("ascii", "replace") for word in found.groups()))
            data = self.removed(self._held)
        if self._on_output is not None and data:
            self._on_output(stream, data)

    def removed(self, stderr: bytes) -> bytes:
        """`stderr` without the line."""
        return self._line.sub(b"", stderr, count=1)


def _start(pid: str, boot_id: str, uptime: str, lines: str) -> Start:
    return Start(
        pid=int(pid),
        boot_id=None if boot_id == "-" else boot_id,
        uptime_s=float(uptime) if re.fullmatch(r"\d+(\.\d+)?", uptime) else None,
        kernel_lines=int(lines) if lines.isdigit() else None,
    )


def _silence(over: threading.Event) -> Iterator[bytes]:
    """Standard input that says nothing, and ends when the run is `over`."""
    over.wait()
    yield from ()

"""One deploy at a time on a board: a link that can be made only once, and whose target says who made it."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from deployer.board.base import Board, Completed
from deployer.errors import BoardBusy, BoardUnreachable, TransferError
from deployer.events import Emit, Warned

NAME = "lock"
_TIMEOUT_S = 30.0
_OURS: set[str] = set()  # tokens of the locks that this process holds now

LINK_TARGET = r"""
target() {
    readlink "$1" 2>/dev/null || ls -l "$1" 2>/dev/null | while IFS= read -r l; do echo "${l##* -> }"; done
}
"""

ACQUIRE = (
    LINK_TARGET
    + r"""
acquire() {
    mkdir -p -- "$1" && cd -- "$1" || return 1
    boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
    up=
    [ -r /proc/uptime ] && read -r up rest </proc/uptime
    if [ -n "$3" ] && [ -L lock ] && mv lock "lock.$4" 2>/dev/null; then
        if [ "$(target "lock.$4")" = "$3" ]; then rm -f "lock.$4"; else mv "lock.$4" lock; fi
    fi
    e=$(ln -s "$2|$boot|$up" lock 2>&1) && { echo @ours; return 0; }
    if [ -L lock ]; then echo "@theirs $boot $up $(target lock)"; return 3; fi
    echo "${e:-no symbolic links there}" >&2
    return 1
}
acquire "$1" "$2" "$3" "$4" || exit $?
shift 4
"""
)
"""Arguments: directory, our words, the words of a lock that may be broken (or empty), a token; then what follows
is done under the lock."""

LET_GO = (
    LINK_TARGET
    + """
let_go() { case $(target lock) in "$1"*) rm -f lock ;; esac; }
"""
)
"""`let_go WORDS` in the board's directory: the lock goes if it is ours."""

RELEASE = LET_GO + 'cd -- "$1" 2>/dev/null && let_go "$2"; exit 0'

READ = LINK_TARGET + 'cd -- "$1" 2>/dev/null && [ -L lock ] && target lock; exit 0'

BREAK = 'cd -- "$1" 2>/dev/null && rm -f lock'


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a board. `boot_id` and `uptime_s` are the board's, since its clock may say 1970."""

    machine: str
    user: str
    pid: int
    began: str  # the process's start, in its kernel's ticks: tells a process id used again
    purpose: str
    token: str
    boot_id: str = ""
    uptime_s: float | None = None
    words: str = ""

    def age_s(self, boot_id: str, uptime_s: float | None) -> float | None:
        """Seconds since the lock was taken; None when the board has been restarted since, or cannot tell."""
        if boot_id != self.boot_id or uptime_s is None or self.uptime_s is None:
            return None
        return max(0.0, uptime_s - self.uptime_s)

    def is_dead(self, boot_id: str) -> str | None:
        """Why nobody can be at work under this lock any more, or None: only what can be proven here."""
        if boot_id and self.boot_id and boot_id != self.boot_id:
            return "the board has been restarted since"
        if self.machine != _machine():
            return None
        if _began(self.pid) != self.began:
            return f"process {self.pid} of this machine, which took it, has ended"
        if self.pid == os.getpid() and self.token not in _OURS:
            return "the connection was lost under it"
        return None


def parse(words: str) -> Holder | None:
    """A lock's words; a lock that is not ours gives a holder of unknown name."""
    if not words:
        return None
    parts = [unquote(part) for part in words.split("|")]
    if len(parts) != 8 or not parts[2].isdigit():
        return Holder(machine="?", user="?", pid=0, began="", purpose="?", token="", words=words)
    machine, user, pid, began, purpose, token, boot_id, uptime = parts
    return Holder(
        machine=machine,
        user=user,
        pid=int(pid),
        began=began,
        purpose=purpose,
        token=token,
        boot_id=boot_id,
        uptime_s=float(uptime) if uptime.replace(".", "", 1).isdigit() else None,
        words=words,
    )


@dataclass(frozen=True, kw_only=True)
class Then:
    """A shell text to run under a lock as soon as it is held, and its arguments."""

    text: str = ""
    args: tuple[str, ...] = ()


_NOTHING = Then()


@dataclass
class Held:
    """A lock that is ours. `words` begin its target; whoever lets it go on the board sets `let_go`."""

    done: Completed
    words: str
    let_go: bool = False


@contextlib.contextmanager
def held(
    board: Board, directory: PurePosixPath, purpose: str, *, then: Then = _NOTHING, emit: Emit
) -> Iterator[Held]:
    """Hold the board for `purpose`; gives the lock, and in it how `then` went, which is run in the same command.

    A lock whose holder is proven dead is taken over, and that is said. Raises BoardBusy with the holder,
    TransferError where no lock can be made, BoardUnreachable.
    """
    token = os.urandom(6).hex()
    words = "|".join(
        quote(part, safe="")
        for part in (_machine(), getpass.getuser(), str(os.getpid()), _began(os.getpid()), purpose, token)
    )
    done = _acquire(board, directory, words, token, then=then, emit=emit)
    held = Held(done=done, words=f"{words}|")
    _OURS.add(token)
    try:
        yield held
    finally:
        _OURS.discard(token)
        if not held.let_go:
            with contextlib.suppress(BoardUnreachable):
                board.script(RELEASE, str(directory), held.words, timeout_s=_TIMEOUT_S)


def read(board: Board, directory: PurePosixPath) -> Holder | None:
    """Who holds the board; None when nobody does."""
    done = board.script(READ, str(directory), timeout_s=_TIMEOUT_S)
    return parse(done.stdout.decode("utf-8", "replace").strip())


def break_lock(board: Board, directory: PurePosixPath) -> None:
    """Take the lock away, whoever holds it: for an operator who knows that nobody is at work."""
    board.script(BREAK, str(directory), timeout_s=_TIMEOUT_S)


def _acquire(
    board: Board, directory: PurePosixPath, words: str, token: str, *, then: Then, emit: Emit
) -> Completed:
    stale = ""
    for _ in range(2):
        text = ACQUIRE + then.text
        done = board.script(text, str(directory), words, stale, token, *then.args, timeout_s=_TIMEOUT_S)
        head, found, rest = done.stdout.decode("utf-8", "replace").partition("@theirs ")
        if "@ours\n" in head:
            return done
        if not found:
            raise TransferError(
                f"{board.address}: {directory} cannot be used: {_reason(done.stderr)}",
                hint="may the user write there, is it mounted read-only, does it know symbolic links? "
                "`directory:` of this board chooses another place",
            )
        boot_id, uptime, theirs = [*rest.strip().split(" ", 2), "", "", ""][:3]
        holder = parse(theirs)
        dead = holder.is_dead(boot_id) if holder is not None else None
        if holder is None or dead is None or stale:
            raise busy(board.name, directory, holder, boot_id, uptime)
        emit(Warned(step="lock", message=f"{board.name}: an old lock was taken over: {dead}"))
        stale = holder.words
    raise BoardBusy(f"{board.name}: the lock changed hands meanwhile", hint="try again")


def busy(name: str, directory: PurePosixPath, holder: Holder | None, boot_id: str, uptime: str) -> BoardBusy:
    """The refusal, with owner and age."""
    cure = f"wait for it; if nobody is at work there: deploy board lock {name} --break"
    if holder is None or not holder.token:
        return BoardBusy(f"{name}: {directory}/{NAME} is held by someone unknown", hint=cure)
    age = holder.age_s(boot_id, float(uptime) if uptime.replace(".", "", 1).isdigit() else None)
    since = "" if age is None else f" for {age:.0f} s"
    return BoardBusy(
        f"{name} is in use{since}: {holder.purpose} by {holder.user} on {holder.machine} (process {holder.pid})",
        hint=cure,
    )


def _reason(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"


def _machine() -> str:
    """This machine, beyond its host name, which containers and laptops share."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            return f"{platform.node()}-{Path(path).read_text().strip()[:8]}"
    return platform.node()


def _began(pid: int) -> str:
    """When a process began, in ticks since this machine's start; "" if it is gone, "-" where nothing tells."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _alive(pid)
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[19]


def _alive(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "-"

"""What is asked of a board once a program gave no result: does it answer, has it rebooted, what says its kernel."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from board_runner.errors import DeployError
from deployer.board.base import Board, Owner
from deployer.board.clients.stop import FAMILY
from deployer.board.probe.parse import owners_of
from deployer.board.probe.script import OWNERS
from deployer.errors import BoardUnreachable, LoginRefused
from deployer.logs import messages
from deployer.running.guard import Start

TIMEOUT_S = 15.0
PATIENCE_S = 5.0
"""How long a board whose connection was lost may take to answer again; a network that stumbles is back sooner."""

KEPT_LINES = 200
"""How many of the kernel's newest lines are kept."""

_PAUSE_S = 0.5
_EARLIER_S = 0.1
"""The kernel stamps its log by a clock that may be this much behind its uptime."""

ASK = (
    FAMILY
    + r"""
p=$1
exec 2>/dev/null
boot=
read -r boot </proc/sys/kernel/random/boot_id
echo "@boot ${boot:--}"
read -r me x </proc/self/stat
spare=" $me "
i=0
while :; do
    family
    left=
    for q in $list; do
        line=
        read -r line <"/proc/$q/stat" || continue
        case ${line##*) } in Z*|X*) ;; *) left="$left
@left $line" ;; esac
    done
    [ -z "$left" ] || [ $i -ge 10 ] && break
    if sleep 0.1; then i=$((i + 1)); else sleep 1; i=$((i + 10)); fi
done
echo "$left"
echo @owners
OWNERS
echo @kernel
dmesg
echo @end
""".replace("OWNERS", OWNERS.strip())
)
"""`sh -c ASK sh PID`. What is about to end, such as the guard's own watcher, gets a second to do so."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """A process of the program that is still there."""

    pid: int
    name: str
    state: str  # the letter of /proc/PID/stat; D: it waits in the kernel and no signal reaches it

    @property
    def stuck(self) -> bool:
        """Whether nothing but the kernel can end it."""
        return self.state == "D"


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """The board after a failed run. None where it does not say.

    `answers`: it ran another command. `kernel`: the lines of its log since the program began, oldest first; empty
    after a reboot, which clears it. `owners`: processes that still have the IPU's device nodes open.
    """

    answers: bool
    rebooted: bool | None = None
    kernel: tuple[str, ...] | None = None
    left: tuple[Left, ...] = ()
    owners: tuple[Owner, ...] = ()

    @property
    def stuck(self) -> tuple[Left, ...]:
        """Processes that cannot be ended."""
        return tuple(left for left in self.left if left.stuck)

    def in_words(self) -> str:
        """What there is to add to the failure's message; empty for a healthy board with nothing to say."""
        if not self.answers:
            return "the board does not answer any more"
        words = ["the board rebooted meanwhile"] if self.rebooted else []
        words += [f"{left.name} (process {left.pid}) hangs in the kernel" for left in self.stuck]
        words += [f"{o.name} (process {o.pid}) has {', '.join(o.nodes)} open" for o in self.owners]
        said = messages.find_kernel("\n".join(self.kernel or ()))
        return "; ".join([*words, f"the kernel said: {said}"] if said else words)

    @property
    def sick(self) -> bool:
        """Whether the next run would fail as well."""
        return not self.answers or bool(self.stuck)

    @property
    def hint(self) -> str:
        """The cure, where the board itself needs one."""
        if not self.answers:
            return "cut its power and switch it on again, if it stays silent"
        if self.stuck:
            return "no signal reaches a process in the kernel: cut the board's power and switch it on again"
        said = messages.find_kernel("\n".join(self.kernel or ()))
        if said is not None:
            return said.hint
        return (
            "stop other programs that use the IPU first: `before:` of this board can" if self.owners else ""
        )


def ask(board: Board, start: Start | None) -> Aftermath:
    """One command to a board that gave no result."""
    try:
        done = board.script(ASK, str(start.pid if start else 0), timeout_s=TIMEOUT_S)
    except BoardUnreachable:
        return Aftermath(answers=False)
    if done.timed_out or b"@boot" not in done.stdout:
        return Aftermath(answers=False)
    return read(done.stdout, start)


def read(answer: bytes, start: Start | None) -> Aftermath:
    """The answer to ASK -> what it means, held against how things stood when the program began."""
    head, _, log = answer.decode("utf-8", "replace").replace("\r\n", "\n").partition("@kernel\n")
    found = re.search(r"^@boot (\S+)$", head, re.MULTILINE)
    boot_id = found[1] if found and found[1] != "-" else None
    known = start is not None and start.boot_id is not None and boot_id is not None
    rebooted = boot_id != start.boot_id if known and start is not None else None
    head, _, owners = head.partition("@owners\n")
    lines = log.partition("@end\n")[0].splitlines()
    return Aftermath(
        answers=True,
        rebooted=rebooted,
        kernel=() if rebooted else _since(lines, start),
        left=() if rebooted else tuple(_left(head)),
        owners=owners_of(owners),
    )


def reconnect(board: Board, *, patience_s: float = PATIENCE_S) -> bool:
    """Connect anew over a lost connection, trying for `patience_s`; whether the board let us in."""
    board.__exit__(None, None, None)
    until = time.monotonic() + patience_s
    while True:
        try:
            board.__enter__()
        except BoardUnreachable as e:
            if isinstance(e, LoginRefused) or time.monotonic() > until:
                return False
            time.sleep(_PAUSE_S)
        except DeployError:  # a key file that is gone, for instance
            return False
        else:
            return True


def _left(head: str) -> list[Left]:
    found = re.finditer(r"^@left (\d+) \((.*)\) (\w) ", head, re.MULTILINE)
    return [Left(pid=int(m[1]), name=m[2], state=m[3]) for m in found if m[3] not in "ZX"]


def _since(lines: list[str], start: Start | None) -> tuple[str, ...] | None:
    """The log's newer part: by count where lines have no times, else by the time they carry."""
    if start is None or not lines:
        return None
    if start.kernel_lines is not None:
        fresh = lines[start.kernel_lines :] if len(lines) >= start.kernel_lines else lines
    elif start.uptime_s is not None:
        from_s = start.uptime_s - _EARLIER_S
        times = [_time_s(line) for line in lines]
        if all(time_s is None for time_s in times):
            return None
        first = next((i for i, t in enumerate(times) if t is not None and t >= from_s), len(lines))
        fresh = lines[first:]
    else:
        return None
    return tuple(fresh[-KEPT_LINES:])


def _time_s(line: str) -> float | None:
    found = re.match(r"(?:<\d+>)?\[ *(\d+\.\d+)\]", line)
    return float(found[1]) if found else None

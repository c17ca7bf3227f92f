"""What the loop on the board tells, as it comes: bytes in, finished runs out."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deployer.board.base import Completed
from deployer.board.probe.parse import celsius
from deployer.running.guard import Start

KEPT_BYTES = 1 << 18
"""How much of each stream of one run is kept, from its begin: no program's result is longer, garbage may be."""

_TICK_S = 0.01
_BY_SIGNAL = 128
"""A shell tells a signal N as the status 128 + N."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The board just after a run; None where it does not say."""

    uptime_s: float | None = None
    load: float | None = None
    memory_available_kib: int | None = None
    temperature_c: float | None = None
    frequency_khz: int | None = None
    ipu: str = ""  # the line of the IPU's own node: units differ by chip


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run that has ended, by itself or by us. `status` is the shell's word: 128 + N may be signal N.

    `began_s`: this host's monotonic clock, when its begin was heard.
    """

    index: int
    start: Start
    began_s: float
    status: int
    completed: Completed
    state: State


@dataclass(frozen=True, kw_only=True)
class Governor:
    """A CPU's governor as the loop found it; `now` is `-` where it could not be changed."""

    node: str
    was: str
    now: str

    @property
    def pinned(self) -> bool:
        """Whether it was changed and has to be put back."""
        return self.now not in ("-", self.was)


@dataclass(kw_only=True)
class Begun:
    """The run under way. `timed_out` is set by whoever ends it."""

    index: int
    start: Start
    began_s: float  # this host's monotonic clock
    epoch_s: float | None = None  # the board's clock
    timed_out: bool = False
    stdout: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """A run whose end stdout has told; its stderr may still be on the way."""

    begun: Begun
    status: int
    wall_ms: float
    state: State


class Stream:
    """Sorts both streams into runs. `on_run` is called with each run once both have told its end."""

    def __init__(self, on_run: Callable[[Ran], None]) -> None:
        self.token = f"bench-{secrets.token_hex(6)}"
        self.open: Start | None = None
        self.closed = False
        self.begun: Begun | None = None
        self.governors: list[Governor] = []
        self.heard_s = time.monotonic()
        self._on_run = on_run
        self._ended: dict[int, _Ended] = {}
        self._stderr: dict[int, bytearray] = {}
        self._stderr_ended: set[int] = set()
        self._stderr_run: int | None = None
        self._cutters = {"stdout": _Cutter(self.token), "stderr": _Cutter(self.token)}
        self.words = bytearray()  # what stderr said outside of any run: a shell's complaint

    def take(self, stream: str, data: bytes) -> None:
        """More of `stdout` or `stderr`."""
        self.heard_s = time.monotonic()
        for piece, words in self._cutters[stream].take(data):
            if stream == "stdout":
                self._out(piece, words)
            else:
                self._err(piece, words)

    def _out(self, piece: bytes, words: list[str]) -> None:
        if self.begun is not None:
            _keep(self.begun.stdout, piece)
        match words:
            case ["open", pid, boot, uptime, lines]:
                self.open = Start(
                    pid=int(pid),
                    boot_id=None if boot == "-" else boot,
                    uptime_s=_number(uptime),
                    kernel_lines=int(lines) if lines.isdigit() else None,
                )
            case ["governor", node, was, now]:
                self.governors.append(Governor(node=node, was=was, now=now))
            case ["begin", index, pid, uptime, epoch]:
                self._begin(int(index), int(pid), _number(uptime), _number(epoch))
            case ["end", index, status, *rest] if self.begun and self.begun.index == int(index):
                self._end(self.begun, int(status), " ".join(rest))
            case ["close"]:
                self.closed = True

    def _err(self, piece: bytes, words: list[str]) -> None:
        if self._stderr_run is not None:
            _keep(self._stderr[self._stderr_run], piece)
        else:
            _keep(self.words, piece)
        match words:
            case ["begin", index, *_]:
                self._stderr_run = int(index)
                self._stderr[int(index)] = bytearray()
            case ["end", index]:
                self._stderr_run = None
                self._stderr_ended.add(int(index))
                self._finish(int(index))

    def _begin(self, index: int, pid: int, uptime_s: float | None, epoch_s: float | None) -> None:
        at_open = self.open or Start(pid=0)
        start = Start(pid=pid, boot_id=at_open.boot_id, uptime_s=uptime_s, kernel_lines=at_open.kernel_lines)
        self.begun = Begun(index=index, start=start, began_s=self.heard_s, epoch_s=epoch_s)

    def _end(self, begun: Begun, status: int, rest: str) -> None:
        epoch, *fields = [*rest.split("|"), "", "", "", "", "", ""][:7]
        state = state_of(fields)
        wall_ms = 1000 * _wall_s(begun, self.heard_s, _number(epoch), state.uptime_s)
        self.begun = None
        self._ended[begun.index] = _Ended(begun=begun, status=status, wall_ms=wall_ms, state=state)
        self._finish(begun.index)

    def _finish(self, index: int) -> None:
        if index not in self._ended or index not in self._stderr_ended:
            return
        ended = self._ended.pop(index)
        self._stderr_ended.discard(index)
        killed = ended.status > _BY_SIGNAL or ended.begun.timed_out
        self._on_run(
            Ran(
                index=index,
                start=ended.begun.start,
                began_s=ended.begun.began_s,
                status=ended.status,
                completed=Completed(
                    exit_status=None if killed else ended.status,
                    stdout=bytes(ended.begun.stdout),
                    stderr=bytes(self._stderr.pop(index, b"")),
                    elapsed_ms=ended.wall_ms,
                    timed_out=ended.begun.timed_out,
                ),
                state=ended.state,
            )
        )

    def flush(self) -> None:
        """Nothing more comes: runs whose end stdout has told are over, with what stderr had said by then."""
        for index in sorted(self._ended):
            self._stderr_ended.add(index)
            self._finish(index)

    def unfinished(self) -> tuple[Begun, bytes] | None:
        """The run of which no end came, and its stderr."""
        if self.begun is None:
            return None
        return self.begun, bytes(self._stderr.get(self.begun.index, b""))


class _Cutter:
    """Cuts a stream at the loop's marks: `(what came before, the mark's words)`; no words: no mark yet."""

    def __init__(self, token: str) -> None:
        self._sign = f"@{token} ".encode()
        self._mark = re.compile(rb"(\n?)" + re.escape(self._sign) + rb"([^\n]*)\n")
        self._held = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[bytes, list[str]]]:
        """More of the stream."""
        self._held += data
        while found := self._mark.search(self._held):
            words = found[2].decode("utf-8", "replace").split()
            # The line break before an end is the loop's own, that before any other mark the program's.
            before = found.start() if words[:1] == ["end"] else found.end(1)
            piece = bytes(self._held[:before])
            del self._held[: found.end()]
            yield piece, words
        spare = self._held.rfind(self._sign)
        safe = spare - 1 if spare >= 0 else len(self._held) - len(self._sign) - 1
        if safe > 0:
            piece = bytes(self._held[:safe])
            del self._held[:safe]
            yield piece, []


def _wall_s(begun: Begun, heard_s: float, epoch_s: float | None, uptime_s: float | None) -> float:
    """How long a run took: by the board's own clock where its shell has one of microseconds.

    Else by when its marks were heard here, kept within what the board's uptime allows, which counts in hundredths
    of a second: so a network that stumbles adds no more than one of them. A clock that was set meanwhile is not
    believed: the uptime is read before the one and after the other, so it cannot be less.
    """
    counted = None
    if uptime_s is not None and begun.start.uptime_s is not None:
        counted = uptime_s - begun.start.uptime_s
    if epoch_s is not None and begun.epoch_s is not None:
        passed = epoch_s - begun.epoch_s
        if passed >= 0 and (counted is None or passed <= counted + _TICK_S):
            return passed
    heard = heard_s - begun.began_s
    if counted is None:
        return heard
    return max(0.0, counted - _TICK_S, min(heard, counted + _TICK_S))


def state_of(fields: list[str]) -> State:
    """The fields of an `end` mark: uptime, load, memory, heat, frequency, IPU."""
    up, load, memory, heat, frequency, ipu = fields
    return State(
        uptime_s=_number(up),
        load=_number(load),
        memory_available_kib=int(memory) if memory.isdigit() else None,
        temperature_c=celsius(heat),
        frequency_khz=int(frequency) if frequency.isdigit() else None,
        ipu=ipu,
    )


def _number(word: str) -> float | None:
    word = word.replace(",", ".")  # a shell's clock follows its locale
    return float(word) if re.fullmatch(r"\d+(\.\d+)?", word) else None


def _keep(kept: bytearray, data: bytes) -> None:
    kept += data[: max(0, KEPT_BYTES - len(kept))]

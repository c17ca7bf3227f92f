"""One transfer over several channels of one connection, where a server's window holds a single one back.

dropbear lets 24 KiB travel on a channel before it must answer: at 2 ms of round trip a 20 MB push on one
channel takes three times as long as on eight (docs/measured.md). Segments of a large file are written into
place by `dd`. Meanwhile the file has a name of its own, since its length says nothing: `NAME.striped-STEP`,
with an empty file `NAME.striped-STEP.N` for every segment that is through, so that the next push goes on there.
`dd` itself cannot tell a segment that is through from one whose connection was cut: each segment therefore
begins by noting on the board which ones have ended well.
"""

from __future__ import annotations

import contextlib
import math
import queue
import re
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from deployer.board.base import Board
from deployer.board.files import streams
from deployer.board.files.streams import RESUMED_BLOCK_BYTES, Arrived, Method, OnBytes, Piece
from deployer.errors import TransferError

MOST_CHANNELS = 8
_FULL_WINDOW_BYTES = 1 << 20  # enough for 100 Mbit/s at 80 ms
_WORTHWHILE_BYTES = 256 << 10  # below this one channel is as quick
_LEAST_SEGMENT_BYTES = 128 << 10
_SEGMENT_BYTES = 4 << 20
_ROUNDS = 4  # segments a channel: a cut costs no more than one segment on each
_STOPPED = "another channel failed"

_STRIPED = re.compile(r"(?P<name>.+)\.striped-(?P<step>\d+)(?:\.(?P<segment>\d+))?\Z")

JOIN = r"""
while [ $# -ge 2 ]; do
    mv -f -- "$1" "$2" && rm -f -- "$1".* || exit 1
    shift 2
done
"""


@dataclass(frozen=True, kw_only=True)
class Striped:
    """What an earlier transfer left of a file: its step, and which segments are through."""

    step_bytes: int
    segments: frozenset[int]

    @property
    def arrived_bytes(self) -> int:
        """How much need not travel again."""
        return self.step_bytes * len(self.segments)


def left_behind(names: Iterable[str]) -> dict[str, Striped]:
    """Names in a folder -> what was cut off there, by the file's own name; the step most is there of."""
    seen: dict[tuple[str, int], set[int]] = defaultdict(set)
    for name in names:
        if (found := _STRIPED.match(name)) and found["segment"] is not None:
            seen[found["name"], int(found["step"])].add(int(found["segment"]))
    best: dict[str, Striped] = {}
    for (name, step), segments in seen.items():
        left = Striped(step_bytes=step, segments=frozenset(segments))
        if name not in best or best[name].arrived_bytes < left.arrived_bytes:
            best[name] = left
    return best


def channels(total_bytes: int, window_bytes: int | None) -> int:
    """How many channels to use: as many windows as make up a full one, at most MOST_CHANNELS."""
    if window_bytes is None or window_bytes <= 0 or total_bytes < _WORTHWHILE_BYTES:
        return 1
    by_window = math.ceil(_FULL_WINDOW_BYTES / window_bytes)
    return max(1, min(MOST_CHANNELS, by_window, total_bytes // (_WORTHWHILE_BYTES // 2)))


def send(
    board: Board,
    pieces: Sequence[Piece],
    *,
    method: Method,
    on_bytes: OnBytes,
    left: Mapping[PurePosixPath, Striped] | None = None,
    splits: bool = True,
) -> Arrived | None:
    """Write `pieces`, over as many channels as serve; `left` is what is there already of some targets.

    Gives what the board found then, where that was one command with the sending. Without `splits` (a board that
    has no `dd`) files travel whole. Raises TransferError, BoardUnreachable.
    """
    left = left or {}
    total = sum(piece.size_bytes for piece in pieces)
    count = 1 if method == "sftp" else channels(total, board.link().window_bytes)
    if count == 1 and not left:
        if method == "tar":
            arrived = streams.send_checked(board, pieces, on_bytes=on_bytes)
            if arrived is not None:
                return arrived
        streams.send(board, pieces, method=method, on_bytes=on_bytes)
        return None
    share = max(_LEAST_SEGMENT_BYTES, min(_SEGMENT_BYTES, total // (_ROUNDS * count)))
    step = max(RESUMED_BLOCK_BYTES, share // RESUMED_BLOCK_BYTES * RESUMED_BLOCK_BYTES)
    loads: list[list[Piece]] = []
    small: list[Piece] = []
    joined: list[str] = []
    for piece in sorted(pieces, key=lambda p: p.size_bytes, reverse=True):
        there = left.get(piece.target)
        if there is not None or (splits and piece.size_bytes > 2 * step and not piece.in_place):
            there = there or Striped(step_bytes=step, segments=frozenset())
            name = piece.target.with_name(f"{piece.target.name}.striped-{there.step_bytes}")
            loads += [[segment] for segment in segments(piece, name, there)]
            joined += [str(name), str(piece.target)]
            continue
        small.append(piece)
        if sum(p.size_bytes for p in small) >= step:
            loads.append(small)
            small = []
    _all(board, [*loads, small] if small else loads, count, method, on_bytes)
    if joined:
        done = board.script(JOIN, *joined, timeout_s=60)
        if done.exit_status != 0:
            raise TransferError(f"{board.address}: {streams.said(done)}", hint="is there room?")
    return None


def segments(piece: Piece, name: PurePosixPath, there: Striped) -> Iterator[Piece]:
    """What of `piece` is missing of the file `name` on the board, in pieces of `there.step_bytes`."""
    step = there.step_bytes
    for number, start in enumerate(range(0, piece.end_bytes, step)):
        if number not in there.segments:
            yield replace(
                piece,
                target=name,
                offset_bytes=start,
                end_bytes=min(start + step, piece.end_bytes),
                in_place=True,
            )


def _all(
    board: Board, loads: Sequence[Sequence[Piece]], count: int, method: Method, on_bytes: OnBytes
) -> None:
    waiting: queue.SimpleQueue[Sequence[Piece]] = queue.SimpleQueue()
    for load in loads:
        waiting.put(load)
    stop = threading.Event()
    through: deque[PurePosixPath] = deque()
    counting = threading.Lock()

    def counted(size_bytes: int) -> None:
        if stop.is_set():
            raise TransferError(_STOPPED)
        with counting:
            on_bytes(size_bytes)

    def work() -> None:
        while not stop.is_set():
            try:
                load = waiting.get_nowait()
            except queue.Empty:
                return
            segment = _STRIPED.match(load[0].target.name) is not None  # and alone in its load
            if segment:
                load = [replace(load[0], announces=tuple(_drained(through)))]
            streams.send(board, load, method=method, on_bytes=counted)
            if segment:
                through.append(_marker(load[0]))

    with ThreadPoolExecutor(max_workers=count, thread_name_prefix="stripe") as pool:
        running = [pool.submit(work) for _ in range(count)]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    failed = [error for task in running if (error := task.exception()) is not None]
    if failed:  # the first cause, not what stopped the other channels
        raise min(failed, key=lambda e: str(e) == _STOPPED)


def _marker(segment: Piece) -> PurePosixPath:
    """The file that says that this segment is through."""
    step = int(segment.target.name.rpartition("-")[2])
    return segment.target.with_name(f"{segment.target.name}.{segment.offset_bytes // step}")


def _drained(names: deque[PurePosixPath]) -> Iterator[PurePosixPath]:
    with contextlib.suppress(IndexError):
        while True:
            yield names.popleft()

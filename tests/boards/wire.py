"""A wire below SSH: a TCP relay on loopback that delays, slows, stalls, spoils and cuts, changeable while it runs.

It relays bytes, so what it spoils passes TCP's checksum, as damage inside a machine does, and SSH has to notice.
Loss of packets is not its work: `netns.Network.lose` drops real ones.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

_POLL_S = 0.02
_QUEUE_S = 0.3
_QUEUE_BYTES = 1 << 18
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


@dataclass
class Way:
    """One direction. Faults count bytes from the last `reset`, happen once, and are then gone."""

    passed_bytes: int = 0
    boundaries: list[int] = field(default_factory=list)  # `passed_bytes` after each piece that came
    cut_after_bytes: int | None = None
    corrupt_at_byte: int | None = None

    def reset(self) -> None:
        """Count from nothing again; planned faults are forgotten."""
        self.passed_bytes = 0
        self.boundaries.clear()
        self.cut_after_bytes = self.corrupt_at_byte = None

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """What goes on of `data`, and whether the wire is cut after it."""
        start, end = self.passed_bytes, self.passed_bytes + len(data)
        if self.corrupt_at_byte is not None and self.corrupt_at_byte < end:
            spoilt = bytearray(data)
            spoilt[max(0, self.corrupt_at_byte - start)] ^= 0x10
            data, self.corrupt_at_byte = bytes(spoilt), None
        if self.cut_after_bytes is not None and self.cut_after_bytes <= end:
            data, self.cut_after_bytes = data[: max(0, self.cut_after_bytes - start)], None
            self.passed_bytes += len(data)
            return data, True
        self.passed_bytes = end
        self.boundaries.append(end)
        return data, False


@dataclass
class _Pump:
    source: socket.socket
    sink: socket.socket
    way: Way
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    queued_bytes: int = 0
    free_at: float = 0.0
    ended: bool = False  # nothing more comes
    shut: bool = False  # and the other side has been told
    cut: bool = False


class Wire:
    """A relay to `(host, port)`; a context manager. Connect to `host`, `port` of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[_Pump, _Pump]] = []
        self._stopped = threading.Event()
        self._hang_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="wire", daemon=True)
        self.host = "127.0.0.1"
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0
        self.rate_bytes_per_s: float | None = None
        self.stalled = False
        self.hold_after_bytes: int | None = None  # to the board; then the wire stalls
        self.to_board = Way()
        self.from_board = Way()

    def __enter__(self) -> Wire:
        self._thread.start()  # a thread is in the network namespace of the one that starts it
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._listener.close()
        for pair in self._pairs:
            _close(pair)

    @property
    def idle(self) -> bool:
        """Whether nobody is connected: what is left of a connection would count to the next one's faults."""
        return not self._pairs

    def heal(self) -> None:
        """A good wire again; connections that are open stay so."""
        self.delay_s, self.rate_bytes_per_s, self.stalled = 0.0, None, False
        self.hold_after_bytes = None
        self.to_board.reset()
        self.from_board.reset()

    def hang_up(self) -> None:
        """Cut every connection now."""
        self._hang_up.set()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            readers = {pump.source: pump for pump in self._pumps() if self._wants(pump)}
            writers = {pump.sink: pump for pump in self._pumps() if self._due(pump)}
            ready, free, _ = select.select([self._listener, *readers], list(writers), [], self._patience_s())
            if self._listener in ready:
                self._accept()
            for sock in ready:
                if sock in readers:
                    self._read(readers[sock])
            for sock in free:
                _write(writers[sock])
            all_of_them = self._hang_up.is_set()
            self._hang_up.clear()
            for pair in [p for p in self._pairs if all_of_them or _finished(p)]:
                self._pairs.remove(pair)
                _close(pair)

    def _pumps(self) -> Iterator[_Pump]:
        for pair in self._pairs:
            yield from pair

    def _wants(self, pump: _Pump) -> bool:
        most = _QUEUE_BYTES
        if self.rate_bytes_per_s is not None:
            most = int(self.rate_bytes_per_s * (self.delay_s + _QUEUE_S))
        return not (self.stalled or pump.ended or pump.cut) and pump.queued_bytes < most

    def _due(self, pump: _Pump) -> bool:
        if self.stalled or not pump.waiting:
            return False
        return pump.waiting[0][0] <= time.monotonic()

    def _patience_s(self) -> float:
        due = [pump.waiting[0][0] for pump in self._pumps() if pump.waiting]
        return min(_POLL_S, max(0.0, min(due) - time.monotonic())) if due and not self.stalled else _POLL_S

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            board = socket.create_connection(self._target, timeout=3)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            client.close()
            return
        for sock in (client, board):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
        self._pairs.append((_Pump(client, board, self.to_board), _Pump(board, client, self.from_board)))

    def _read(self, pump: _Pump) -> None:
        try:
            data = pump.source.recv(4096 if self.rate_bytes_per_s else 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            pump.ended = True
            if not pump.waiting:
                _shut(pump)
            return
        data, pump.cut = pump.way.take(data)
        if self.hold_after_bytes is not None and self.to_board.passed_bytes >= self.hold_after_bytes:
            self.hold_after_bytes, self.stalled = None, True
        now = time.monotonic()
        if self.rate_bytes_per_s is not None:
            pump.free_at = max(pump.free_at, now) + len(data) / self.rate_bytes_per_s
        pump.waiting.append((max(pump.free_at, now) + self.delay_s, data))
        pump.queued_bytes += len(data)


def _write(pump: _Pump) -> None:
    due, data = pump.waiting.popleft()
    try:
        sent = pump.sink.send(data) if data else 0
    except BlockingIOError:
        sent = 0
    except OSError:
        pump.waiting.clear()
        pump.cut = True
        return
    pump.queued_bytes -= sent
    if sent < len(data):
        pump.waiting.appendleft((due, data[sent:]))
    elif pump.ended and not pump.waiting:
        _shut(pump)


def _shut(pump: _Pump) -> None:
    pump.shut = True
    with contextlib.suppress(OSError):
        pump.sink.shutdown(socket.SHUT_WR)


def _finished(pair: tuple[_Pump, _Pump]) -> bool:
    return all(pump.shut for pump in pair) or any(pump.cut and not pump.waiting for pump in pair)


def _close(pair: tuple[_Pump, _Pump]) -> None:
    """The board sees an end, as when the client's process dies; the client sees a reset."""
    client, board = pair[0].source, pair[0].sink
    board.close()
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    client.close()

"""Bytes of files onto a board, by whatever it can receive with: tar, cat, SFTP, scp or base64.

Nothing here judges what arrived: whoever sends writes beside the final place and compares checksums there.
"""

from __future__ import annotations

import base64
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

from deployer.board.base import Completed
from deployer.board.files import digests
from deployer.board.files.digests import Digest
from deployer.errors import TransferError

if TYPE_CHECKING:
    import paramiko

Method = Literal["tar", "cat", "sftp", "scp", "base64"]
OnBytes = Callable[[int], None]

CHUNK_BYTES = 1 << 18
_STALL_S = 30.0
_SLOWEST_BYTES_PER_S = 20_000
_BLOCK_BYTES = tarfile.BLOCKSIZE
_BASE64_BYTES = 57 * 4096  # a whole number of lines

RESUMED_BLOCK_BYTES = 4096
"""A file is continued at a multiple of this (`dd`'s block)."""

DRAIN = "{ s=$?; cat >/dev/null; exit $s; }"
"""What follows `||`: a command that fails still reads its input to the end. Some servers (dropbear) break when one
ends, unforeseen, while a channel opens."""

TAR = f'cd -- "$1" && tar xf - || {DRAIN}'
SYNCED = "@synced"
TAR_AND_CHECK = f"""
{digests.DIGESTS}
cd -- "$1" || exit 1
shift
tar xf - || exit $?
echo "{digests.ARRIVED}"
flush() {{
    chmod 644 "$@" || return 1
    for f; do
        case $f in *.x) chmod 755 "$f" || return 1 ;; esac
    done
    sync "$@" 2>/dev/null || sync
}}
flush "$@" </dev/null >/dev/null 2>&1 &
digests "$@"
s=$?
wait $! && echo "{SYNCED}"
exit $s
"""
"""Arguments: the folder and the files' names, of which those in `.x` can be started. The files are written to flash
while their checksums are computed, and the last line says that this went well."""

SCP = 'cd -- "$1" && exec scp -t .'
CAT = f'cat >"$1" || {DRAIN}'
CONTINUE = rf"""
t=$1 b=$2
shift 2
n='
'
for f; do : >"$f" || {DRAIN}; done
e=$(dd of="$t" bs={RESUMED_BLOCK_BYTES} seek="$b" conv=notrunc 2>&1) && exit
echo "${{e%%"$n"*}}" >&2
false || {DRAIN}
"""
BASE64 = 'exec base64 -d >"$1"'


class Remote(digests.Remote, Protocol):
    """What a transfer needs of an open connection."""

    address: str

    def script(
        self, text: str, *args: str, timeout_s: float, stdin: Iterable[bytes] | None = None
    ) -> Completed: ...

    def sftp(self) -> paramiko.SFTPClient | None: ...

    def check_alive(self, cause: BaseException | None = None) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Bytes `offset_bytes` to `end_bytes` of a local file, and the file on the board that they belong into.

    `in_place` pieces are written into the file that is there, beside its other bytes; their offset is a multiple
    of RESUMED_BLOCK_BYTES. `announces` are empty files to make there first.
    """

    source: Path
    target: PurePosixPath
    end_bytes: int
    offset_bytes: int = 0
    executable: bool = False
    in_place: bool = False
    announces: tuple[PurePosixPath, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How much travels."""
        return self.end_bytes - self.offset_bytes

    def chunks(self, on_bytes: OnBytes, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes. Raises TransferError where the file is shorter than it was."""
        left = self.size_bytes
        with self.source.open("rb") as file:
            file.seek(self.offset_bytes)
            while left > 0:
                data = file.read(min(chunk_bytes, left))
                if not data:
                    raise TransferError(f"{self.source}: changed while it was sent", hint="push again")
                yield data
                left -= len(data)
                on_bytes(len(data))


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What a board found of what was sent; `synced`: it is on flash, with the modes that it should have."""

    found: dict[PurePosixPath, Digest]
    synced: bool


def send(remote: Remote, pieces: Sequence[Piece], *, method: Method, on_bytes: OnBytes) -> None:
    """Write `pieces` one after the other on one channel at a time. Folders exist already.

    Raises TransferError with the board's words, BoardUnreachable.
    """
    whole = [piece for piece in pieces if not piece.in_place]
    for piece in pieces:
        if piece.in_place:
            blocks = piece.offset_bytes // RESUMED_BLOCK_BYTES
            args: list[PurePosixPath | int] = [piece.target, blocks, *piece.announces]
            _stream(remote, CONTINUE, args, piece.chunks(on_bytes), pieces=[piece])
    if method in ("tar", "scp"):
        for folder in sorted({piece.target.parent for piece in whole}):
            some = [piece for piece in whole if piece.target.parent == folder]
            if method == "tar":
                _stream(remote, TAR, [folder], archive(some, on_bytes), pieces=some)
            else:
                _stream(remote, SCP, [folder], copies(some, on_bytes), pieces=some)
        return
    for piece in whole:
        if method == "sftp":
            _by_sftp(remote, piece, on_bytes)
        elif method == "base64":
            _stream(remote, BASE64, [piece.target], _encoded(piece, on_bytes), pieces=[piece])
        else:
            _stream(remote, CAT, [piece.target], piece.chunks(on_bytes), pieces=[piece])


def send_checked(remote: Remote, pieces: Sequence[Piece], *, on_bytes: OnBytes) -> Arrived | None:
    """Write whole files into one folder by tar, and give what the board then finds there: one command for both.

    None where this cannot be one command, and nothing was done. Raises TransferError, BoardUnreachable.
    """
    pieces = sorted(pieces, key=lambda piece: -piece.size_bytes)  # the largest is checked beside the others
    folders = {piece.target.parent for piece in pieces}
    names = [piece.target.name for piece in pieces]
    if len(folders) != 1 or any(piece.in_place for piece in pieces) or len(list(digests.batches(names))) != 1:
        return None
    chunks = archive(pieces, on_bytes)
    done = _stream(remote, TAR_AND_CHECK, [folders.pop(), *names], chunks, pieces=pieces)
    last = f"{SYNCED}\n".encode()
    synced = done.stdout.endswith(last)
    done = replace(done, stdout=done.stdout.removesuffix(last))
    return Arrived(
        found=digests.answer(remote, done, [piece.target for piece in pieces], timeout_s=120), synced=synced
    )


def archive(pieces: Sequence[Piece], on_bytes: OnBytes) -> Iterator[bytes]:
    """A tar stream of whole files, without any names, owners or times of this machine.

    GNU's long names: BusyBox and GNU read them, ustar ends at 100 bytes.
    """
    for piece in pieces:
        info = tarfile.TarInfo(piece.target.name)
        info.size = piece.size_bytes
        info.mode = 0o755 if piece.executable else 0o644
        yield info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        yield from piece.chunks(on_bytes)
        yield bytes(-piece.size_bytes % _BLOCK_BYTES)
    yield bytes(2 * _BLOCK_BYTES)


def copies(pieces: Sequence[Piece], on_bytes: OnBytes) -> Iterator[bytes]:
    """What `scp -t` reads: for each file a line with mode, size and name, the bytes, a zero byte.

    It answers each of them; the answers are not waited for, since a refusal ends it with a status.
    """
    for piece in pieces:
        mode = "0755" if piece.executable else "0644"
        yield f"C{mode} {piece.size_bytes} {piece.target.name}\n".encode("utf-8", "surrogateescape")
        yield from piece.chunks(on_bytes)
        yield b"\0"


def limit_s(size_bytes: int) -> float:
    """How long a transfer may take before it counts as hung."""
    return _STALL_S + size_bytes / _SLOWEST_BYTES_PER_S


def said(done: Completed) -> str:
    """A failed command's last words that tell something: GNU tar ends on a line that does not."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    lines = [line for line in lines if "Exiting with failure status" not in line] or lines
    return lines[-1] if lines else f"exit status {done.exit_status}"


def _stream(
    remote: Remote,
    text: str,
    args: Sequence[PurePosixPath | int | str],
    chunks: Iterable[bytes],
    *,
    pieces: Sequence[Piece],
) -> Completed:
    limit = limit_s(sum(piece.size_bytes for piece in pieces))
    done = remote.script(text, *map(str, args), timeout_s=limit, stdin=chunks)
    if done.timed_out:
        raise TransferError(
            f"{remote.address}: {pieces[0].target.name} was not through after {limit:.0f} s",
            hint="its network is very slow; what arrived is kept, and the next push goes on from there",
        )
    if done.exit_status != 0 and not done.stdout.startswith(f"{digests.ARRIVED}\n".encode()):
        raise TransferError(
            f"{remote.address}: {said(done)}",
            hint="may the user write there, is the file system mounted read-only?",
        )
    return done


def _encoded(piece: Piece, on_bytes: OnBytes) -> Iterator[bytes]:
    for data in piece.chunks(on_bytes, chunk_bytes=_BASE64_BYTES):
        yield base64.encodebytes(data)


def _by_sftp(remote: Remote, piece: Piece, on_bytes: OnBytes) -> None:
    from paramiko.ssh_exception import SSHException

    sftp = remote.sftp()
    if sftp is None:
        raise TransferError(
            f"{remote.address}: the board has no SFTP server", hint="leave `transfer:` of this board out"
        )
    try:
        channel = sftp.get_channel()
        if channel is not None:
            channel.settimeout(_STALL_S)
        with sftp.open(str(piece.target), "wb") as sink:
            sink.set_pipelined(True)
            for data in piece.chunks(on_bytes, chunk_bytes=1 << 15):
                sink.write(data)
        sftp.chmod(str(piece.target), 0o755 if piece.executable else 0o644)
    except (OSError, EOFError, SSHException) as e:
        remote.check_alive(e)
        raise TransferError(f"{remote.address}: {piece.target}: {e}", hint="is there room?") from e

"""Contents into a board's store: sent to staging, or continued there, verified on the board, then settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from board_runner.errors import DeployError
from deployer.board.base import Board, Completed
from deployer.board.files import digests, stripes
from deployer.board.files.digests import file_digest
from deployer.board.files.streams import RESUMED_BLOCK_BYTES, Arrived, Method, Piece
from deployer.board.files.stripes import Striped
from deployer.errors import NoSpace, TransferError
from deployer.release import check, survey
from deployer.release.manifest import Entry
from deployer.release.survey import Inventory

_TIMEOUT_S = 300.0

DISCARD = r"""
cd -- "$1" || exit 1
shift
rm -f -- "$@"
"""


def reusable(board: Board, there: Inventory, entries: Sequence[Entry]) -> set[str]:
    """Contents that need not travel, in the store or whole in staging: each told by its checksum now."""
    stored = [e for e in entries if e.content in there.place(e.place).stored]
    staged = [
        e
        for e in entries
        if e not in stored and there.place(e.place).staged.get(e.content, -1) == e.size_bytes
    ]
    if not stored and not staged:
        return set()
    found = digests.on_board(board, [e.stored for e in stored] + [e.staged for e in staged])
    good = {e.content for e in stored if check.matches(found.get(e.stored), e)}
    return good | {e.content for e in staged if e.is_content_of(found.get(e.staged))}


def send(
    board: Board,
    there: Inventory,
    entries: Sequence[Entry],
    sources: Mapping[str, Path],
    *,
    on_bytes: Callable[[int], None],
    progress_lost: Callable[[int], None],
) -> bool:
    """Bring `entries` whole into staging and verify them there; what an earlier push left is gone on with.

    Whether they are on flash too. Raises TransferError, NoSpace, BoardUnreachable; what has arrived stays for the
    next push.
    """
    left = _left(there, entries)
    pieces = {e.content: _piece(there, e, sources[e.content]) for e in entries}
    how = method(board, there)
    splits = "dd" in there.tools
    try:
        whole = list(pieces.values())
        arrived = stripes.send(board, whole, method=how, on_bytes=on_bytes, left=left, splits=splits)
        wrong = _wrong(board, entries, sources, arrived)
        resumed = [e for e in wrong if arrived_bytes(there, e)]
        if resumed:  # what lay there was not of this content, or a power cut spoilt it
            progress_lost(sum(arrived_bytes(there, e) for e in resumed))
            again = [_whole(e, sources[e.content]) for e in resumed]
            stripes.send(board, again, method=how, on_bytes=on_bytes, splits=splits)
            arrived = None
            wrong = _wrong(board, entries, sources, arrived)
    except TransferError as e:
        raise _explained(board, entries, e) from e
    if wrong:
        discard(board, wrong)
        raise TransferError(
            f"{board.address}: {wrong[0].name}: what arrived differs from what was sent",
            hint="push again; if it stays so, the board's flash or memory is failing (`dmesg` there)",
        )
    return arrived is not None and arrived.synced


def discard(board: Board, entries: Sequence[Entry]) -> None:
    """Take away what lies in staging for `entries`."""
    for place in dict.fromkeys(e.place for e in entries):
        names = [e.content for e in entries if e.place == place]
        for some in digests.batches(names):
            board.script(DISCARD, str(place / "staging"), *some, timeout_s=_TIMEOUT_S)


def method(board: Board, there: Inventory) -> Method:
    """How bytes travel: as configured, else by what the board has."""
    wanted = board.config.transfer
    if wanted != "auto":
        return wanted
    if "tar" in there.tools:
        return "tar"
    return "cat"


def insist(board: Board, done: Completed) -> None:
    """Raises TransferError with the board's words unless the command went well."""
    if done.exit_status == 0:
        return
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    said = lines[-1] if lines else f"exit status {done.exit_status}"
    full = "No space left" in said or "No inodes" in said
    raise (NoSpace if full else TransferError)(
        f"{board.address}: {said}",
        hint="delete files on the board: it has no room left (`df -k` and `df -i` there)"
        if full
        else "may the user write there, is the file system mounted read-only?",
    )


def arrived_bytes(there: Inventory, entry: Entry) -> int:
    """How much of a content an earlier push has left in staging, in a form that can be gone on with."""
    if "dd" not in there.tools:
        return 0
    staged = there.place(entry.place).staged
    if (striped := stripes.left_behind(staged).get(entry.content)) is not None:
        return min(striped.arrived_bytes, entry.size_bytes)
    arrived = staged.get(entry.content, 0)
    return arrived // RESUMED_BLOCK_BYTES * RESUMED_BLOCK_BYTES if arrived < entry.size_bytes else 0


def _left(there: Inventory, entries: Sequence[Entry]) -> dict[PurePosixPath, Striped]:
    if "dd" not in there.tools:
        return {}
    found = {place.path: stripes.left_behind(place.staged) for place in there.places}
    return {e.staged: found[e.place][e.content] for e in entries if e.content in found[e.place]}


def _piece(there: Inventory, entry: Entry, source: Path) -> Piece:
    """From where an earlier push was cut off."""
    offset = 0 if entry.staged in _left(there, [entry]) else arrived_bytes(there, entry)
    return Piece(
        source=source,
        target=entry.staged,
        offset_bytes=offset,
        end_bytes=entry.size_bytes,
        executable=entry.executable,
        in_place=offset > 0,
    )


def _whole(entry: Entry, source: Path) -> Piece:
    return Piece(source=source, target=entry.staged, end_bytes=entry.size_bytes, executable=entry.executable)


def _wrong(
    board: Board,
    entries: Sequence[Entry],
    sources: Mapping[str, Path],
    arrived: Arrived | None,
) -> list[Entry]:
    """Those of `entries` whose staged content is not what it should be, as the board has said or says now.

    Raises TransferError.
    """
    found = arrived.found if arrived is not None else digests.on_board(board, [e.staged for e in entries])
    wrong = [e for e in entries if not e.is_content_of(found.get(e.staged))]
    for entry in wrong:
        if file_digest(sources[entry.content]) != entry.sha256:
            discard(board, [entry])
            raise TransferError(f"{sources[entry.content]}: changed while it was sent", hint="push again")
    if wrong and board.config.transfer == "sftp" and not found:
        raise TransferError(
            f"{board.address}: sent by SFTP, but the board's shell does not see it",
            hint="its SFTP shows another tree than its shell: leave `transfer:` of this board out",
        )
    return wrong


def _explained(board: Board, entries: Sequence[Entry], error: TransferError) -> TransferError:
    """NoSpace where the file system is full, whatever the board called it."""
    if isinstance(error, NoSpace):
        return error
    place = entries[0].place
    try:
        there = survey.inspect(board, board.config.directory, [e.place for e in entries])
    except DeployError:  # it cannot even be asked: the first fault is the one to tell
        return error
    full = [p for p in there.places if p.free_kib is not None and p.free_kib < 8]
    said = str(error)
    if "No space left" in said or "size mismatch" in said or full:
        room = (full or [there.place(place)])[0]
        return NoSpace(
            f"{board.address}: {room.path} filled up under way, {room.free_kib} KiB free ({said})",
            hint="delete files there (space or inodes: `df -k`, `df -i`); what arrived is kept for the next push",
        )
    return error

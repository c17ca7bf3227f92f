"""The very bytes that a board has: which release, what is not as it should be, and copies of what is not here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from deployer.board.base import Board
from deployer.board.files import digests
from deployer.board.files.digests import Digest
from deployer.errors import TransferError
from deployer.explaining.case import BoardSide, Held, Names, OnHost
from deployer.records import RunRecord
from deployer.release import survey
from deployer.release.survey import Inventory


def gather(
    board: Board, record: RunRecord, names: Names, host: OnHost, work: Path
) -> tuple[BoardSide, dict[str, Held]]:
    """Ask the board what it holds; bytes that this machine does not have are fetched into `work`.

    Nothing on the board is changed. Raises TransferError, BoardUnreachable.
    """
    directory = directory_of(record, board)
    there = survey.inspect(board, directory, board.config.places.values())
    release = release_of(there, record)
    looked = directory / ("current" if release in (None, there.current) else f"releases/{release}")
    side = BoardSide(
        facts=board.facts(directory),
        directory=looked,
        release=release or there.current,
        current=release is None or release == there.current,
    )
    known_release = there.releases.get(side.release or "")
    entries = known_release.manifest if known_release is not None else None
    released = {str(e.name): (e.sha256, e.md5) for e in entries.entries} if entries is not None else {}
    paths = {name: looked / name for name in names.all}
    digest = digests.on_board(board, list(paths.values()))
    held = {}
    for number, (name, path) in enumerate(paths.items()):
        recorded = record.sha256.get(name)
        known = _known(name, recorded, released, host)
        found = digest.get(path)
        sha256, copy = None, None
        if found is not None:
            sha256 = known.get(found.value) or (found.value if found.algorithm == "sha256" else None)
            copy = host.by_sha256.get(sha256 or "")
            if copy is None:
                sha256, copy = _fetched(board, path, found, work / f"{number:05d}{path.suffix}")
        held[name] = Held(
            name=name,
            recorded=recorded,
            released=released[name][0] if name in released else None,
            sha256=sha256,
            path=copy,
            there=found is not None,
        )
    return side, held


def directory_of(record: RunRecord, board: Board) -> PurePosixPath:
    """The deploy directory of the run; where the record does not say, that of the board now."""
    stated = record.settings.get("directory")
    return PurePosixPath(stated).parent if isinstance(stated, str) else board.config.directory


def release_of(there: Inventory, record: RunRecord) -> str | None:
    """The release that the run used, which need not be the current one; None when it is not there any more."""
    ids = [there.current, *there.releases]
    for release in ids:
        found = there.releases.get(release) if release is not None else None
        if found is None or found.manifest is None or not record.sha256:
            continue
        contents = {str(entry.name): entry.sha256 for entry in found.manifest.entries}
        if all(contents.get(name) == sha256 for name, sha256 in record.sha256.items()):
            return found.id
    return None


def _known(
    name: str, recorded: str | None, released: Mapping[str, tuple[str, str]], host: OnHost
) -> dict[str, str]:
    """Digests in either algorithm -> the SHA-256 of the same content, of all that may lie under this name."""
    pairs = [released[name]] if name in released else []
    here = [host.by_sha256.get(recorded or ""), host.now.get(name)]
    pairs += [digests.both(path) for path in here if path is not None]
    known = {digest: sha256 for sha256, md5 in pairs for digest in (sha256, md5)}
    return known | ({recorded: recorded} if recorded is not None else {})


def _fetched(board: Board, path: PurePosixPath, found: Digest, copy: Path) -> tuple[str, Path]:
    """SHA-256 and content of a file of the board."""
    board.pull(path, copy)
    if digests.file_digest(copy, found.algorithm) != found.value:
        raise TransferError(
            f"{path}: what was fetched is not what the board says it has",
            hint="is somebody writing it? `deploy board lock` tells",
        )
    return digests.file_digest(copy), copy

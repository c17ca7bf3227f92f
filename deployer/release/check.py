"""Is the current release the wanted one? Where there is none, the same command asks what the board is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deployer.board.base import Board
from deployer.board.files import digests
from deployer.release.manifest import Entry, Manifest

if TYPE_CHECKING:
    from deployer.board.base import BoardFacts

_TIMEOUT_S = 120.0

_CHECK = f"""
{digests.DIGESTS}
d=$1 k=$2
shift 2
if cd -- "$d" 2>/dev/null && [ -L current ]; then
    shift "$k"
    echo @current
    digests "$@"
    exit
fi
"""
"""Arguments: the directory, how many arguments of QUESTION follow, these, then `current/NAME` for each file: in the
usual case this is the whole push."""

_KEEP_ARGUMENTS = r"""
n=$#
for a; do
    [ "$k" -gt 0 ] || break
    set -- "$@" "$a"
    k=$((k - 1))
done
shift "$n"
"""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`facts` is there where the board was asked about itself on the way."""

    is_current: bool
    facts: BoardFacts | None = None


def standing(board: Board, directory: PurePosixPath, wanted: Manifest, *, asks: bool = False) -> Standing:
    """Whether every wanted file is there under `current/`, told by content, on the board. One command.

    `asks`: whoever goes on to send will want to know what the board is. Raises TransferError, BoardUnreachable.
    """
    for entries in _batches(sorted(wanted.entries, key=lambda e: -e.size_bytes)):
        paths = [PurePosixPath("current") / e.name for e in entries]
        text, question = _CHECK, None
        args: tuple[str, ...] = ()
        if asks:
            from deployer.board.probe.script import SCRIPT

            question = board.question(directory)
            text, args = f"{_CHECK}{_KEEP_ARGUMENTS}{SCRIPT}", question.args
        words = (str(directory), str(len(args)), *args, *map(str, paths))
        done = board.script(text, *words, timeout_s=_TIMEOUT_S)
        if b"@boot_id\n" in done.stdout and question is not None:
            return Standing(is_current=False, facts=question.answered(done.stdout))
        if b"@current\n" not in done.stdout:
            return Standing(is_current=False)
        absolute = [directory / path for path in paths]
        found = digests.answer(board, done, absolute)
        if not all(matches(found.get(path), e) for e, path in zip(entries, absolute, strict=True)):
            return Standing(is_current=False)
    return Standing(is_current=True)


def matches(there: digests.Digest | None, entry: Entry) -> bool:
    """Whether what lies on the board is the content of `entry`, and can be started if it should."""
    startable = there is not None and (there.executable or not entry.executable)
    return startable and entry.is_content_of(there)


def _batches(entries: Sequence[Entry]) -> Iterable[Sequence[Entry]]:
    words = [str(e.name) for e in entries]
    start = 0
    for some in digests.batches(words):
        yield entries[start : start + len(some)]
        start += len(some)

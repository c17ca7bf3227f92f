"""An answer that stands on many lines: put together, and proven whole."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from board_runner import protocol
from deployer.logs.messages import Failure
from deployer.logs.said import Embedded, Heard, Said

LINES = ("embedding", "transcript")
"""Names of the lines that tell what the pieces come to."""

_DIGITS = 8
"""Of a float32 in hex."""


def of(lines: Mapping[str, str], pieces: Mapping[int, str]) -> Said | Failure | None:
    """The answer of one run: the lines of `LINES` by name, the pieces by place. None without a result line."""
    if "embedding" in lines:
        return _embedded(pieces, lines["embedding"])
    return _heard(pieces, lines["transcript"]) if "transcript" in lines else None


def _embedded(pieces: Mapping[int, str], line: str) -> Embedded | Failure:
    count, _, _, crc32 = line.split()
    whole = "".join(pieces[place] for place in sorted(pieces))
    if not _fill({place: len(text) // _DIGITS for place, text in pieces.items()}, int(count)):
        return _damaged("embedding", f"{len(whole) // _DIGITS} of {count} values are in the log")
    if zlib.crc32(bytes.fromhex(whole)) != int(crc32, 16):
        return _damaged("embedding", "its checksum is another")
    return Embedded(hex=whole)


def _heard(pieces: Mapping[int, str], line: str) -> Heard | Failure:
    count, _, chunks, _, _, score, _, crc32 = line.replace(",", "").split()
    by_place = {place: [int(word) for word in text.split()] for place, text in pieces.items()}
    tokens = tuple(token for place in sorted(by_place) for token in by_place[place])
    if not _fill({place: len(some) for place, some in by_place.items()}, int(count)):
        return _damaged("transcript", f"{len(tokens)} of {count} tokens are in the log")
    if protocol.transcript_crc32(tokens, int(chunks), score) != int(crc32, 16):
        return _damaged("transcript", "its checksum is another")
    return Heard(tokens=tokens, score=float(score), chunks=int(chunks))


def _fill(lengths: Mapping[int, int], count: int) -> bool:
    """Whether pieces of these lengths at these places fill 0 to `count` without gap or overlap."""
    end = 0
    for place in sorted(lengths):
        if place != end:
            return False
        end += lengths[place]
    return end == count


def _damaged(what: str, why: str) -> Failure:
    return Failure(message=f"the {what} is damaged: {why}", hint="the log lost some of it: run again")

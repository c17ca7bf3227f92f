"""Commands that are longer than a server takes: dropbear ends the connection at 9000 bytes, without a word.

There the command itself travels as input, before the input that it has: what is given to the server reads it,
line by line, which leaves the rest of the input to the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST_BYTES = 8500
"""Less than dropbear's MAX_CMD_LEN of 9000."""

_READ = """\
n={lines} c=
while [ "$n" -gt 0 ]; do
    IFS= read -r l || exit 255
    c="$c$l
"
    n=$((n - 1))
done
eval "$c\""""


def is_too_long(command: str) -> bool:
    """For dropbear, that is; OpenSSH takes what the board's kernel takes."""
    return len(command.encode("utf-8", "surrogateescape")) > MOST_BYTES


def as_input(command: str, stdin: Iterable[bytes], *, first: str) -> tuple[str, Iterator[bytes]]:
    """A short command that does `first` and then reads and does `command`; and the input that it wants."""
    short = f"{first}; {_READ.format(lines=command.count(chr(10)) + 1)}"
    return short, _before(f"{command}\n".encode("utf-8", "surrogateescape"), stdin)


def _before(text: bytes, stdin: Iterable[bytes]) -> Iterator[bytes]:
    yield text
    yield from stdin

"""Text of `key=value` lines under `[section]` headers, kept to the byte: what the vendor's cfg and ini share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from toolchain_wrappers.errors import ToolchainError

_BLANKS = r"[\s\ufeff]*"  # a byte order mark before the first line is kept as a blank
_SECTION = re.compile(rf"{_BLANKS}\[([^\]]*)\].*", re.DOTALL)
_COMMENTED_OUT = re.compile(rf"{_BLANKS}[#;]+\s*([^\W\d]\w*)\s*=(?!=)", re.DOTALL)
_QUOTES = "\"'"


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """What differs between the two files."""

    delimiters: str
    comments: str  # characters that make a whole line a comment
    terminator: str = ""  # stands after a value and is no part of it


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line, without its `end`. `name` is a section's, a setting's key, or the key that a comment holds back."""

    text: str
    end: str
    kind: Literal["blank", "comment", "section", "setting", "other"]
    name: str = ""
    start: int = 0  # the value as written, quotes included, is text[start:stop]
    stop: int = 0

    @property
    def value(self) -> str:
        """The value without its quotes."""
        written = self.text[self.start : self.stop]
        return written[1:-1] if _is_quoted(written) else written

    @property
    def quote(self) -> str:
        """The quote the value stands in, or nothing."""
        return self.text[self.start] if _is_quoted(self.text[self.start : self.stop]) else ""

    @property
    def is_indented(self) -> bool:
        """Whether blanks stand before the first character."""
        return self.text[:1].isspace()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One value and where it stands; lines count from 1."""

    section: str
    key: str
    value: str
    line: int


@dataclass(frozen=True, kw_only=True)
class KeyedText:
    """All lines of a file; `place` is what messages call it."""

    place: str
    grammar: Grammar
    lines: tuple[Line, ...]

    @classmethod
    def parse(cls, text: str, *, grammar: Grammar, place: str) -> KeyedText:
        """Any text at all; what is no setting is kept as it is."""
        *whole, last = text.split("\n")
        lines = [
            _line(body.removesuffix("\r"), "\r\n" if body[-1:] == "\r" else "\n", grammar) for body in whole
        ]
        if last:
            lines.append(_line(last, "", grammar))
        return cls(place=place, grammar=grammar, lines=tuple(lines))

    def text(self) -> str:
        """The file: as it was read, but for what has been set since."""
        return "".join(line.text + line.end for line in self.lines)

    def sections(self) -> tuple[str, ...]:
        """Names of the sections in order, a repeated one as often as it stands there."""
        return tuple(line.name for line in self.lines if line.kind == "section")

    def settings(self, section: str | None = None) -> tuple[Setting, ...]:
        """Every setting, or those of one section, in order."""
        return tuple(
            Setting(section=home, key=line.name, value=line.value, line=number)
            for number, home, line in self._numbered()
            if line.kind == "setting" and section in (None, home)
        )

    def find(self, key: str, section: str | None = None) -> Setting | None:
        """The one setting of this key, letter case aside.

        Raises ToolchainError when several lines set it, since tools differ in which of them holds.
        """
        found = [s for s in self.settings(section) if s.key.casefold() == key.casefold()]
        if len(found) > 1:
            lines = ", ".join(f"{s.line} in [{s.section}]" for s in found)
            raise ToolchainError(
                f"{self.place}: {key} is set more than once: line {lines}",
                hint="name the section"
                if len({s.section for s in found}) > 1
                else "delete all but one of them",
            )
        return found[0] if found else None

    def with_value(self, key: str, value: str, section: str | None = None, *, quote: str = "") -> KeyedText:
        """The same file but for this value.

        An absent key goes below the line that holds it back as a comment, else below the section's last setting;
        an absent section goes to the end. `quote` is for a new line that has no comment to follow.
        Raises ToolchainError for a value that the file cannot hold.
        """
        setting = self.find(key, section)
        if setting is None:
            return self._inserted(key, value, section, quote)
        if setting.value == value:
            return self
        return self._swapped(setting.line - 1, self._filled(self.lines[setting.line - 1], value))

    def without(self, key: str, section: str | None = None) -> KeyedText:
        """The same file without the line of this key."""
        setting = self.find(key, section)
        if setting is None:
            return self
        lines = list(self.lines)
        gone = lines.pop(setting.line - 1)
        if not gone.end and lines:  # it was the last, and had no line end: neither has the new last
            lines[-1] = replace(lines[-1], end="")
        return replace(self, lines=tuple(lines))

    def _numbered(self) -> Iterator[tuple[int, str, Line]]:
        section = ""
        for number, line in enumerate(self.lines, start=1):
            if line.kind == "section":
                section = line.name
            yield number, section, line

    def _swapped(self, index: int, line: Line) -> KeyedText:
        return replace(self, lines=(*self.lines[:index], line, *self.lines[index + 1 :]))

    def _filled(self, line: Line, value: str) -> Line:
        """`line` with another value: quotes as before if they do, the comment in its column if there is room."""
        head, tail = line.text[: line.start], line.text[line.stop :]
        for quote in dict.fromkeys((line.quote, *_QUOTES, "")):
            written = f"{quote}{value}{quote}"
            moved = _aligned(tail, line.stop - line.start - len(written))
            filled = _line(head + written + moved, line.end, self.grammar)
            if _holds(filled, line.name, value) and filled.text[filled.stop :] == moved:
                return filled
        raise ToolchainError(
            f"{self.place}: {line.name}: the value {value!r} cannot be written on one line",
            hint="a line holds neither line ends nor both kinds of quotes",
        )

    def _inserted(self, key: str, value: str, section: str | None, quote: str) -> KeyedText:
        home = section if section is not None else next(iter(self.sections()), "")
        index, pattern = self._room(key, home, quote)
        if index is None:
            return self._with_section(home)._inserted(key, value, home, quote)
        new = self._filled(pattern, value)
        lines = list(self.lines)
        if index and not lines[index - 1].end:
            lines[index - 1] = replace(lines[index - 1], end=self._line_end())
            new = replace(new, end="")
        else:
            new = replace(new, end=self._line_end())
        return replace(self, lines=(*lines[:index], new, *lines[index:]))

    def _room(self, key: str, home: str, quote: str) -> tuple[int | None, Line]:
        """Where a line for `key` goes in section `home` (None: there is no such section), and its form."""
        index = 0 if home == "" else None
        held_back: tuple[int, Line] | None = None
        for number, section, line in self._numbered():
            if section != home:
                continue
            if line.kind == "comment" and line.name.casefold() == key.casefold():
                held_back = number, line
            if line.kind in ("section", "setting") or (line.kind == "comment" and line.name):
                index = number
        if held_back is not None and (form := self._uncommented(held_back[1])) is not None:
            return held_back[0], form
        return index, self._form(key, quote)

    def _uncommented(self, line: Line) -> Line | None:
        """The setting that a comment holds back, with its value, without a further comment behind that."""
        body = line.text.lstrip().lstrip("#;").lstrip()
        setting = _line(body, line.end, self.grammar)
        if setting.kind != "setting":
            return None
        ends = (
            bool(self.grammar.terminator)
            and setting.text[setting.stop :].lstrip()[:1] == self.grammar.terminator
        )
        return _line(body[: setting.stop] + self.grammar.terminator * ends, line.end, self.grammar)

    def _form(self, key: str, quote: str) -> Line:
        """An empty setting of `key` in the manner of the file's last one: blanks around `=`, terminator."""
        delimiter, ending = "=", self.grammar.terminator
        for line in self.lines:
            if line.kind == "setting":
                before, after = line.text[: line.start], line.text[line.stop :].lstrip()
                mark = before.rstrip()[-1]
                delimiter = " " * before[: before.rindex(mark)][-1:].isspace() + mark
                delimiter += " " * before[-1:].isspace()
                ending = self.grammar.terminator if after.startswith(self.grammar.terminator) else ""
        form = _line(f"{key}{delimiter}{quote * 2}{ending}", "", self.grammar)
        start = len(key + delimiter)
        return replace(form, start=start, stop=start + 2 * len(quote))

    def _line_end(self) -> str:
        return next((line.end for line in self.lines if line.end), "\n")

    def _with_section(self, name: str) -> KeyedText:
        end, lines = self._line_end(), list(self.lines)
        if lines:
            lines[-1] = replace(lines[-1], end=lines[-1].end or end)
            if lines[-1].kind != "blank":
                lines.append(_line("", end, self.grammar))
        return replace(self, lines=(*lines, _line(f"[{name}]", end, self.grammar)))


def load(path: Path, grammar: Grammar) -> KeyedText:
    """Read a file; bytes that are not UTF-8 (comments in GBK) survive. Raises ToolchainError if unreadable."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as e:
        raise ToolchainError(f"{path}: cannot be read: {e.strerror}") from e
    return KeyedText.parse(text, grammar=grammar, place=path.name)


def encoded(text: str) -> bytes:
    """The bytes of a file that `load` has read; `str.encode` would stumble over those that were not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def save(text: str, path: Path) -> None:
    """Write what `load` has read, byte for byte. Raises ToolchainError when that is not possible."""
    try:
        path.write_bytes(encoded(text))
    except OSError as e:
        raise ToolchainError(f"{path}: cannot be written: {e.strerror}") from e


def _line(text: str, end: str, grammar: Grammar) -> Line:
    body = text.lstrip().lstrip("\ufeff").lstrip()
    if not body:
        return Line(text=text, end=end, kind="blank")
    if body[0] in grammar.comments:
        held_back = _COMMENTED_OUT.match(text)
        return Line(text=text, end=end, kind="comment", name=held_back[1] if held_back else "")
    if match := _SECTION.fullmatch(text):
        return Line(text=text, end=end, kind="section", name=match[1])
    head = re.compile(
        rf"{_BLANKS}([^\s#=\[{grammar.delimiters}][^#={grammar.delimiters}]*?)\s*[{grammar.delimiters}]"
    )
    if (match := head.match(text)) is None:
        return Line(text=text, end=end, kind="other")
    start, stop = _span(text, match.end(), grammar)
    return Line(text=text, end=end, kind="setting", name=match[1], start=start, stop=stop)


def _span(text: str, after: int, grammar: Grammar) -> tuple[int, int]:
    """Where the value stands: in its quotes, else up to a `#`, without blanks and terminators at its end."""
    rest = text[after:].lstrip()
    start = len(text) - len(rest)
    if rest[:1] and rest[0] in _QUOTES and (close := rest.find(rest[0], 1)) > 0:
        behind = rest[close + 1 :].partition("#")[0]
        if not behind.strip().strip(grammar.terminator + " \t"):
            return start, start + close + 1
    value = rest.partition("#")[0].rstrip()
    while grammar.terminator and value.endswith(grammar.terminator):
        value = value.removesuffix(grammar.terminator).rstrip()
    return (start, start + len(value)) if value else (after, after)


def _aligned(tail: str, shrunk: int) -> str:
    """`tail` behind a value `shrunk` characters shorter than it was; a comment behind two blanks stays there."""
    mark, hash_sign, comment = tail.partition("#")
    bare = mark.rstrip(" ")
    blanks = len(mark) - len(bare)
    if not hash_sign or blanks < 2 or any(character.isspace() for character in bare):
        return tail
    return bare + " " * max(1, blanks + shrunk) + hash_sign + comment


def _holds(line: Line, key: str, value: str) -> bool:
    return (
        line.kind == "setting"
        and line.name == key
        and line.value == value
        and not {"\n", "\r"} & set(value)
        and not line.text.endswith("\r")
    )


def _is_quoted(written: str) -> bool:
    quoted = len(written) >= 2 and written[0] in _QUOTES and written[-1] == written[0]
    return quoted and written.count(written[0]) == 2  # else a list of quoted items

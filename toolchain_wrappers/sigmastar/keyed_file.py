"""What the vendor's cfg and ini have in common as files: read, kept to the byte, written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from toolchain_wrappers.sigmastar import keyed_text
from toolchain_wrappers.sigmastar.keyed_text import Grammar, KeyedText


@dataclass(frozen=True, kw_only=True)
class KeyedFile:
    """Base of both; `CALLED` is what messages call a text that has no file."""

    GRAMMAR: ClassVar[Grammar]
    CALLED: ClassVar[str]

    source: KeyedText

    @classmethod
    def parse(cls, text: str, *, place: str | None = None) -> Self:
        """Any text; `place` is what messages call it."""
        return cls(source=KeyedText.parse(text, grammar=cls.GRAMMAR, place=place or cls.CALLED))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file. Raises ToolchainError."""
        return cls(source=keyed_text.load(path, cls.GRAMMAR))

    def text(self) -> str:
        """The file, byte for byte as it was but for values set since."""
        return self.source.text()

    def encoded(self) -> bytes:
        """`text()` as the bytes of the file."""
        return keyed_text.encoded(self.text())

    def save(self, path: Path) -> None:
        """Write it. Raises ToolchainError."""
        keyed_text.save(self.text(), path)

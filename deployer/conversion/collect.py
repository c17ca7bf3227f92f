"""Which of the files that a run wrote is what; by what was written, never by what is newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain_wrappers.errors import ToolchainError


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The three files of one model for one chip, as the tools name them."""

    chip: str
    float_name: str
    fixed_name: str
    image_name: str

    @property
    def names(self) -> tuple[str, str, str]:
        """Float, fixed, image."""
        return (self.float_name, self.fixed_name, self.image_name)


def collect(written: Sequence[Path], wanted: Sequence[Wanted], *, below: Path) -> dict[tuple[str, str], Path]:
    """(chip, name) -> file, for every name of every chip.

    With several chips the path below the output folder tells whose a file is: the longest chip that a folder's
    name holds. Raises ToolchainError that counts what was found for a file that is missing, empty or there twice.
    """
    chips = sorted({each.chip for each in wanted}, key=len, reverse=True)
    found: dict[tuple[str, str], Path] = {}
    for each in wanted:
        for name in each.names:
            files = [path for path in written if path.name == name and path.stat().st_size > 0]
            if len(chips) > 1:
                files = [path for path in files if _chip_of(path, below, chips) == each.chip]
            if len(files) != 1:
                raise ToolchainError(
                    f"wrote {len(files)} {name}" + (f" for {each.chip}" if len(chips) > 1 else "")
                )
            found[each.chip, name] = files[0]
    return found


def _chip_of(path: Path, below: Path, chips: Sequence[str]) -> str | None:
    folder = (
        path.parent.relative_to(below).as_posix() if path.is_relative_to(below) else path.parent.as_posix()
    )
    return next((chip for chip in chips if chip in folder), None)

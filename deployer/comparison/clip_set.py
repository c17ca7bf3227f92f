"""The clips of a comparison, and the exact input that each becomes; one at a time, in any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner import audio, models
from board_runner.contract import Array, InputContract
from board_runner.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """Wavs of different names, and how the model takes them. Small, and it pickles."""

    model_name: str
    contract: InputContract
    wavs: tuple[Path, ...]

    @property
    def names(self) -> list[str]:
        """Clip names: the wavs' own."""
        return [wav.name for wav in self.wavs]

    def tensor(self, wav: Path) -> Array:
        """The model's first input for one wav. Raises InputError."""
        samples = audio.require(audio.read_wav(wav), self.contract.sample_rate_hz)
        chunks = models.get(self.model_name).chunks(samples, self.contract)
        return next(iter(chunks))[self.contract.inputs[0].name]


def find(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Wavs given as files and folders (walked through). Raises InputError for none, and for equal names."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.rglob("*") if each.suffix.lower() == ".wav")
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    if not found:
        raise InputError(f"no wav in {', '.join(str(path) for path in paths)}")
    seen: dict[str, Path] = {}
    for path in found:
        if path.name in seen:
            raise InputError(f"two clips are called {path.name}: {seen[path.name]} and {path}")
        seen[path.name] = path
    return tuple(found)

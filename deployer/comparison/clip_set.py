"""The clips of a comparison, and the exact input that each becomes; one at a time, in any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.errors import InputError
from board_runner.models.base import Streamed, run_model


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

    @property
    def streams(self) -> bool:
        """Whether a clip takes several runs of the model, with state carried from each to the next."""
        carry = models.get(self.model_name).CARRY
        return any(spec.name in carry for spec in self.contract.outputs)

    def tensor(self, wav: Path) -> Array:
        """The model's first input for one wav; its samples where a clip takes several runs. Raises InputError."""
        samples = audio.require(audio.read_wav(wav), self.contract.sample_rate_hz)
        if self.streams:
            return samples
        chunks = models.get(self.model_name).chunks(samples, self.contract)
        return next(iter(chunks))[self.contract.inputs[0].name]

    def outputs(self, engine: Engine, tensor: Array) -> Tensors:
        """What the engine makes of `tensor(wav)`; of several runs the answers joined, state left out."""
        model = models.get(self.model_name)
        if not self.streams:
            return engine.run({engine.inputs[0].name: tensor})
        done = run_model(model, engine, tensor, self.contract)
        return model.whole(done) if isinstance(model, Streamed) else done[-1]


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

"""ACC1 against ACC2: how often the trained network is right on labelled clips, and how often what was made of it.

Both sides hear the same clips through the same front end, so what is apart is the export's doing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from board_runner import audio, models
from board_runner.contract import InputContract
from board_runner.engine import Engine
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.models.base import Decision, run_model
from deployer.errors import ConfigError
from deployer.export.checks import Check
from deployer.export.engine import TorchEngine

if TYPE_CHECKING:
    from deployer.export.sources import Source

LIMIT = 0.005
"""The two accuracies may differ by half a percent of the clips."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Both accuracies over the same clips, 0 to 1; how many clips the two sides answer differently."""

    clips: int
    trained: float
    exported: float
    answered_differently: int
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the accuracies are no further apart than the limit; rounding errors aside."""
        return abs(self.trained - self.exported) <= self.limit + 1e-12

    @property
    def detail(self) -> str:
        """Both figures, and where to look when they are apart."""
        text = (
            f"ACC1 {self.trained:.2%}, ACC2 {self.exported:.2%} of {self.clips} clips, "
            f"limit {self.limit:.2%}; {self.answered_differently} answered differently"
        )
        if self.clips * self.limit < 1:
            text += f"; with fewer than {round(1 / self.limit)} clips one flip is above the limit"
        if self.passed:
            return text
        return f"{text}; the conversion changed the model, or its answers are decoded another way"

    def check(self) -> Check:
        """The row of the export's report."""
        return Check(name="accuracy, network and export", passed=self.passed, detail=self.detail)


def compare(
    trained: Sequence[int], exported: Sequence[int], truth: Sequence[int], *, limit: float = LIMIT
) -> Gate:
    """Class ids that each side gives, and the right ones, clip by clip -> the gate.

    Raises ModelError without clips, or when the three are not of one length.
    """
    if not truth or not len(trained) == len(exported) == len(truth):
        raise ModelError(
            f"an accuracy gate over {len(truth)} labels, {len(trained)} and {len(exported)} answers"
        )
    right = [sum(a == b for a, b in zip(side, truth, strict=True)) for side in (trained, exported)]
    return Gate(
        clips=len(truth),
        trained=right[0] / len(truth),
        exported=right[1] / len(truth),
        answered_differently=sum(a != b for a, b in zip(trained, exported, strict=True)),
        limit=limit,
    )


def labelled(folder: Path, names: Sequence[str]) -> list[tuple[Path, int]]:
    """The wavs of a folder with one sub-folder a class, each with the id that its class has among `names`.

    Raises ConfigError for a class that has no label, and where there is no clip.
    """
    ids = {name: i for i, name in enumerate(names)}
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        clips = sorted(place.glob("*.wav"))
        if clips and place.name not in ids:
            raise ConfigError(
                f"{place}: no class is called {place.name!r}",
                hint="set model.labels to the network's classes",
            )
        found += [(clip, ids[place.name]) for clip in clips]
    if not found:
        raise ConfigError(f"{folder}: no wavs in folders named after their classes")
    return found


def of_export(source: Source, model: onnx.ModelProto, clips: Sequence[tuple[Path, int]]) -> Gate:
    """The gate of a network and the ONNX model made of it, in PyTorch and in the float engine.

    Raises InputError for a clip that cannot be used, ModelError as the engines do.
    """
    wavs, truth = [path for path, _ in clips], [class_id for _, class_id in clips]
    trained = answers(TorchEngine(source.folder, source.contract), source.contract, wavs)
    exported = answers(FloatEngine(Graph.from_onnx(model)), source.contract, wavs)
    return compare(trained, exported, truth)


def answers(engine: Engine, contract: InputContract, clips: Sequence[Path]) -> list[int]:
    """The class that `engine` gives for each clip, by the runner's own front end and decision.

    Raises InputError for a recording that cannot be read or has another rate, ModelError for a model that
    answers with no class.
    """
    model = models.get(contract.model)
    ids = []
    for path in clips:
        samples = audio.require(audio.read_wav(path), contract.sample_rate_hz)
        said = model.decode(run_model(model, engine, samples, contract))
        if not isinstance(said, Decision):
            raise ModelError(f"{contract.model} answers with {type(said).__name__}, not with a class")
        ids.append(said.class_id)
    return ids

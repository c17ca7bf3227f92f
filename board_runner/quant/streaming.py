"""Calibration samples of a model with carried state: every chunk of clips, with the caches that float gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.models.base import AudioModel, runs


def samples(
    model: AudioModel, engine: Engine, clips: Callable[[], Iterable[Array]], contract: InputContract
) -> Callable[[], Iterator[Tensors]]:
    """For `write_fixed`: all inputs of each chunk of each clip, anew at each call; memory of one chunk.

    `engine` runs the graph in float, so that the caches of a chunk are what float made of the chunks before it.
    `clips` gives mono float32 (n,) at the contract's rate. What the model or the engine raises, it raises.
    """

    def chunks() -> Iterator[Tensors]:
        for clip in clips():
            for given, _ in runs(model, engine, clip, contract):
                yield given

    return chunks

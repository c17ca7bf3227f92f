"""Clips -> batches of inputs, read and augmented by threads while the network is at work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array, InputContract
from board_runner.models import eat
from deployer.training import augment, chance
from deployer.training.chance import For
from deployer.training.examples import Example
from deployer.training.recipes import Recipe
from deployer.training.settings import TrainSettings

AHEAD = 2
"""Batches that are made before they are asked for."""
MOST_THREADS = 8

Batch = tuple[Array, Array]
"""Inputs, float32 (N, ...), and class ids, int64 (N,)."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Makes the batches of one training. What is in them depends on seed, epoch and step alone."""

    recipe: Recipe
    settings: TrainSettings
    contract: InputContract
    train: Sequence[Example]
    jobs: int

    @property
    def steps(self) -> int:
        """Batches an epoch. What is left over after the last whole one waits for another epoch's order."""
        return max(len(self.train) // self.settings.batch_size, 1)

    def training(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (0, 1, ...) from `first_step` on, augmented, in the epoch's own order."""
        order = chance.generator(self.settings.seed, For.ORDER, epoch).permutation(len(self.train))
        size = self.settings.batch_size
        rows = [order[step * size : (step + 1) * size] for step in range(first_step, self.steps)]

        def one(index: int) -> Array:
            rng = chance.generator(self.settings.seed, For.CLIP, epoch, index)
            return self.augmented(_read(self.train[index], self.contract), rng)

        yield from self._in_threads(rows, one, self.train)

    def plain(self, examples: Sequence[Example]) -> Iterator[Batch]:
        """Batches of examples as the board hears them, in their order, all of them."""
        size = self.settings.batch_size
        everything = np.arange(len(examples))
        rows = [everything[start : start + size] for start in range(0, len(examples), size)]

        def one(index: int) -> Array:
            return _input_of(_read(examples[index], self.contract), self.contract)

        yield from self._in_threads(rows, one, examples)

    def augmented(self, samples: Array, rng: np.random.Generator) -> Array:
        """Samples (n,) -> one input (1, ...) of the network for training."""
        count = int(self.contract.front_end["samples"])
        x = augment.at_any_speed(samples, self.settings.augs, rng)
        if not self.recipe.waveform:
            return _input_of(
                augment.augmented(augment.window(x, count, rng), self.settings.augs, rng), self.contract
            )
        x = augment.window(eat.scale(x, float(self.contract.front_end["peak"])), count, rng)
        return augment.augmented(x, self.settings.augs, rng).reshape(self.contract.inputs[0].shape)

    def _in_threads(
        self, rows: Sequence[Array], one: Callable[[int], Array], examples: Sequence[Example]
    ) -> Iterator[Batch]:
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting: deque[tuple[Array, list[Future[Array]]]] = deque()
            left = deque(rows)
            try:
                while left or waiting:
                    while left and len(waiting) < AHEAD:
                        row = left.popleft()
                        waiting.append((row, [pool.submit(one, int(index)) for index in row]))
                    row, made = waiting.popleft()
                    inputs = np.concatenate([future.result() for future in made])
                    yield inputs, np.array([examples[index].class_id for index in row], np.int64)
            finally:
                pool.shutdown(cancel_futures=True)


def threads(jobs: int | None) -> int:
    """How many threads to use where that was left open."""
    return jobs or min(os.cpu_count() or 1, MOST_THREADS)


def _read(example: Example, contract: InputContract) -> Array:
    return audio.require(audio.read_wav(example.path), contract.sample_rate_hz)


def _input_of(samples: Array, contract: InputContract) -> Array:
    """The front end of the deployed model itself: training and board cannot differ."""
    (tensors,) = models.get(contract.model).chunks(samples, contract)
    return np.asarray(tensors[contract.inputs[0].name], np.float32)

"""What a board said of clips, held against what the offline simulator says of the same wavs and the same image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from board_runner import audio, models
from board_runner.contract import Array
from board_runner.errors import DeployError
from board_runner.integer import container, image
from board_runner.integer.engine import OfflineEngine
from board_runner.models.base import Embedder, run_model
from deployer.events import Advanced, Emit, Finished, Started, Warned
from deployer.logs.said import Embedded
from deployer.records import Answer

STEP = "offline"


def beside_offline(
    answers: Sequence[Answer], clips: Mapping[str, Path], image_path: Path, *, emit: Emit
) -> tuple[Answer, ...]:
    """The embeddings among `answers` with their cosine; as they are where another maker's image was run.

    The board has done its part by now: an interrupt, or what cannot be computed here, is a warning.
    """
    embedded = [answer for answer in answers if isinstance(answer.said, Embedded) and answer.clip in clips]
    if not embedded or not container.is_image(image_path):
        return tuple(answers)
    emit(Started(step=STEP, total=len(embedded), unit="clips"))
    found: dict[str, Answer] = {}
    try:
        simulator = _Simulator(image_path)
        for done, answer in enumerate(embedded, start=1):
            found[answer.key] = _held(answer, simulator.embedding(clips[answer.clip]))
            emit(Advanced(step=STEP, done=done, total=len(embedded), note=answer.clip))
    except KeyboardInterrupt:
        emit(
            Warned(step=STEP, message="interrupted: not every answer is held against the offline simulator's")
        )
    except DeployError as e:
        emit(Warned(step=STEP, message=f"answers are not held against the offline simulator's: {e}"))
    emit(Finished(step=STEP, note=f"{len(found)} clips"))
    return tuple(found.get(answer.key, answer) for answer in answers)


class _Simulator:
    """The image's engine; clip after clip, each once."""

    def __init__(self, path: Path) -> None:
        self._engine, self._contract = OfflineEngine.load(path), image.read(path).contract
        self._known: dict[Path, Array] = {}

    def embedding(self, clip: Path) -> Array:
        """float32 (n,), as it comes out of the network. Raises InputError, ModelError."""
        if clip not in self._known:
            model = models.get(self._contract.model)
            assert isinstance(model, Embedder)
            samples = audio.require(audio.read_wav(clip), self._contract.sample_rate_hz)
            self._known[clip] = model.embedding(run_model(model, self._engine, samples, self._contract))
        return self._known[clip]


def _held(answer: Answer, offline: Array) -> Answer:
    assert isinstance(answer.said, Embedded)
    said = np.frombuffer(bytes.fromhex(answer.said.hex), "<f4")
    if said.shape != offline.shape:
        return replace(answer, offline_equal=False)
    lengths = float(np.linalg.norm(said.astype(np.float64)) * np.linalg.norm(offline.astype(np.float64)))
    product = float(np.dot(said.astype(np.float64), offline.astype(np.float64)))
    return replace(
        answer,
        offline_cosine=product / lengths if lengths else None,
        offline_equal=said.tobytes() == offline.astype("<f4").tobytes(),
    )

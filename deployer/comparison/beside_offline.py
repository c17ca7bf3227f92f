"""What a board said of clips, held against what the offline simulator says of the same wavs and the same image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from board_runner import audio, models
from board_runner.errors import DeployError, ModelError
from board_runner.integer import container, image
from board_runner.integer.engine import OfflineEngine
from board_runner.models.base import Embedder, Transcript, run_model
from deployer.events import Advanced, Emit, Finished, Started, Warned
from deployer.logs.said import Embedded, Heard, Said
from deployer.records import Answer

STEP = "offline"


def beside_offline(
    answers: Sequence[Answer], clips: Mapping[str, Path], image_path: Path, *, emit: Emit
) -> tuple[Answer, ...]:
    """The answers with whether they are the simulator's; as they are where another maker's image was run.

    The board has done its part by now: an interrupt, or what cannot be computed here, is a warning.
    """
    known = [answer for answer in answers if answer.clip in clips]
    if not known or not container.is_image(image_path):
        return tuple(answers)
    emit(Started(step=STEP, total=len(known), unit="clips"))
    found: dict[str, Answer] = {}
    try:
        simulator = _Simulator(image_path)
        for done, answer in enumerate(known, start=1):
            found[answer.key] = _held(answer, simulator.said(clips[answer.clip]))
            emit(Advanced(step=STEP, done=done, total=len(known), note=answer.clip))
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
        self._known: dict[Path, Said] = {}

    def said(self, clip: Path) -> Said:
        """Raises InputError, ModelError."""
        if clip not in self._known:
            self._known[clip] = self._run(clip)
        return self._known[clip]

    def _run(self, clip: Path) -> Said:
        model = models.get(self._contract.model)
        samples = audio.require(audio.read_wav(clip), self._contract.sample_rate_hz)
        outputs = run_model(model, self._engine, samples, self._contract)
        if isinstance(model, Embedder):
            return Embedded(hex=model.embedding(outputs).astype("<f4").tobytes().hex())
        heard = model.decode(outputs)
        if not isinstance(heard, Transcript):
            raise ModelError(f"{self._contract.model} says neither an embedding nor a transcript")
        return Heard(tokens=heard.tokens, score=heard.score, chunks=len(outputs))


def _held(answer: Answer, offline: Said) -> Answer:
    held = replace(answer, offline_equal=answer.said == offline)
    if not isinstance(answer.said, Embedded) or not isinstance(offline, Embedded):
        return held
    said, wanted = (np.array(one.values) for one in (answer.said, offline))
    lengths = float(np.linalg.norm(said) * np.linalg.norm(wanted))
    if said.shape != wanted.shape or not lengths:
        return held
    return replace(held, offline_cosine=float(np.dot(said, wanted)) / lengths)

"""How a model takes a clip of a data set, and what is kept of its outputs; in any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from board_runner import audio, models
from board_runner.contract import Array, InputContract, Tensors
from board_runner.engine import Engine
from board_runner.errors import DeployError, ModelError
from board_runner.models import ecapa
from board_runner.models.base import AudioModel, Classifier, Decision, run_model
from deployer.evaluation.answers import Answer, ClassOnly, Scores
from deployer.evaluation.dataset import Clip


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A model and its contract. Small, and it pickles."""

    model_name: str
    contract: InputContract

    @property
    def model(self) -> AudioModel:
        """The model's module."""
        return models.get(self.model_name)

    def tensor(self, clip: Clip) -> Array:
        """The one input of a model of one shot. Raises InputError."""
        return next(iter(self._chunks(clip)))[self.contract.inputs[0].name]

    def run(self, engine: Engine, clip: Clip) -> Answer:
        """The engine's answer. Raises InputError for a clip that cannot be read, ModelError that names it."""
        if clip.start_frame is None:
            samples = self._samples(clip)
            return self.answer(run_model(self.model, engine, samples, self.contract), clip)
        return self.answer([engine.run(chunk) for chunk in self._chunks(clip)], clip)

    def answer(self, outputs: Sequence[Tensors], clip: Clip) -> Answer:
        """The outputs of each run -> what is kept. Raises ModelError that names the clip."""
        model = self.model
        try:
            if isinstance(model, Classifier):
                return Scores(values=model.scores(outputs))
            said = model.decode(outputs)
        except DeployError as e:
            raise ModelError(f"{clip.path}: {e}", hint=e.hint) from e
        if isinstance(said, Decision):
            return ClassOnly(class_id=said.class_id)
        return said

    def _samples(self, clip: Clip) -> Array:
        return audio.require(audio.read_wav(clip.path), self.contract.sample_rate_hz)

    def _chunks(self, clip: Clip) -> Iterator[Tensors]:
        samples = self._samples(clip)
        if clip.start_frame is None:
            yield from self.model.chunks(samples, self.contract)
            return
        spec = self.contract.inputs[0]  # only speakers' manifests state a window
        features = ecapa.front_end(self.contract).features(samples, clip.start_frame)
        yield {spec.name: features.reshape(spec.shape)}

"""Speech recognition by WeNet's U2 (arXiv 2012.05481): chunk by chunk, state carried from each to the next.

Three graphs: the encoder takes a chunk and the caches, CTC makes scores of what it gives, the decoder scores whole
hypotheses. Each cache begins with one dummy frame that is never used: so a graph without optional inputs can begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.engine import Engine
from board_runner.errors import InputError, ModelError
from board_runner.frontends.fbank import Fbank
from board_runner.models.base import Transcript
from board_runner.models.ctc import greedy

METRIC = "character error rate"

FEATS, OFFSET, KEEP = "feats", "offset", "keep"
CACHES = ("subsampling_cache", "layer_cache", "convolution_cache")
CARRY: Mapping[str, str] = {f"next_{name}": name for name in CACHES}
ENCODED, TOKENS, LOG_PROBS = "encoded", "tokens", "log_probs"

REDUCTION = 4
"""Feature frames to one encoder frame."""
CONTEXT = 7
"""Feature frames that the first encoder frame of a chunk is made of."""
POSITIONS = 5000
"""Encoder frames a clip may have: 200 s."""


@dataclass(frozen=True, kw_only=True)
class Chunking:
    """How a clip is cut: encoder frames a chunk, and how many chunks back a frame may see (below 0: all).

    With `frames` 0 the whole clip is one chunk.
    """

    frames: int = 16
    left_chunks: int = -1

    def __post_init__(self) -> None:
        """Raise ModelError for a chunk of fewer than 0 frames."""
        if self.frames < 0:
            raise ModelError(f"chunks of {self.frames} frames")

    @property
    def kept(self) -> int:
        """Frames that the caches keep at most."""
        return POSITIONS if self.left_chunks < 0 or not self.frames else self.frames * self.left_chunks

    def windows(self, feature_frames: int) -> Iterator[tuple[int, slice]]:
        """First encoder frame and feature frames of each chunk; neighbours share 3 frames, the last is shorter."""
        if not self.frames:
            yield 0, slice(0, feature_frames)
            return
        stride = REDUCTION * self.frames
        window = stride - REDUCTION + CONTEXT
        for start in range(0, feature_frames - CONTEXT + 1, stride):
            yield start // REDUCTION, slice(start, min(start + window, feature_frames))


def contract(
    *,
    front_end: Fbank | None = None,
    chunking: Chunking | None = None,
    width: int = 256,
    layers: int = 12,
    kernel: int = 15,
) -> InputContract:
    """The encoder's. Sizes of -1 are free: frames of a chunk, frames kept (one more in the caches, the dummy)."""
    fbank, cut = front_end or Fbank(), chunking or Chunking()
    caches = ((1, -1, width), (layers, 1, -1, width), (layers, 1, width, kernel - 1))
    return InputContract(
        model="wenet",
        sample_rate_hz=fbank.sample_rate_hz,
        inputs=(
            _floats(FEATS, 1, -1, fbank.channels),
            TensorSpec(name=OFFSET, dtype="int64", shape=(1,)),
            TensorSpec(name=KEEP, dtype="int64", shape=(1,)),
            *(_floats(name, *shape) for name, shape in zip(CACHES, caches, strict=True)),
        ),
        outputs=(
            _floats(ENCODED, 1, -1, width),
            *(_floats(name, *shape) for name, shape in zip(CARRY, caches, strict=True)),
        ),
        front_end={
            **fbank.as_front_end(),
            "graph": "encoder",
            "chunk": cut.frames,
            "left_chunks": cut.left_chunks,
        },
    )


def ctc_contract(*, width: int = 256, tokens: int = 4233) -> InputContract:
    """Of the CTC graph: encoder frames without the dummy, log-probabilities."""
    return InputContract(
        model="wenet",
        sample_rate_hz=Fbank().sample_rate_hz,
        inputs=(_floats(ENCODED, 1, -1, width),),
        outputs=(_floats(LOG_PROBS, 1, -1, tokens),),
        front_end={"graph": "ctc"},
    )


def decoder_contract(*, width: int = 256, tokens: int = 4233) -> InputContract:
    """Of the decoder graph: encoder frames without the dummy, hypotheses after the start, log-probabilities."""
    return InputContract(
        model="wenet",
        sample_rate_hz=Fbank().sample_rate_hz,
        inputs=(_floats(ENCODED, 1, -1, width), TensorSpec(name=TOKENS, dtype="int64", shape=(-1, -1))),
        outputs=(_floats(LOG_PROBS, -1, -1, tokens),),
        front_end={"graph": "decoder"},
    )


def _floats(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", shape=shape)


def chunks(samples: Array, contract: InputContract) -> Iterator[Tensors]:
    """Mono float32 (n,) -> the inputs of each chunk; the first has empty caches, the others take what is carried.

    Raises InputError for a clip too short for one encoder frame or longer than 200 s, ModelError for a contract
    that is not the encoder's.
    """
    fbank, chunking = Fbank.of(contract.front_end, contract.sample_rate_hz), chunking_of(contract)
    features = fbank.features(samples)
    if len(features) < CONTEXT:
        raise InputError(f"{len(features)} frames of features, the encoder needs {CONTEXT} at least")
    if encoder_frames(len(features)) > POSITIONS:
        raise InputError(
            f"the clip gives {encoder_frames(len(features))} encoder frames, positions end at {POSITIONS}",
            hint="cut it at a pause",
        )
    state = empty_caches(contract)
    for first, window in chunking.windows(len(features)):
        yield {
            FEATS: features[None, window],
            OFFSET: np.array([first + 1], np.int64),
            KEEP: np.array([chunking.kept], np.int64),
            **state,
        }
        state = {}


def encoder_frames(feature_frames: int) -> int:
    """What two convolutions of width 3 and stride 2 leave of so many frames."""
    return ((feature_frames - 1) // 2 - 1) // 2


def chunking_of(contract: InputContract) -> Chunking:
    """The chunks that an encoder's contract states; raises ModelError for another contract."""
    try:
        if contract.front_end["graph"] != "encoder":
            raise ModelError(
                f"a contract of WeNet's {contract.front_end['graph']}, which takes no audio",
                hint="give the encoder's",
            )
        return Chunking(
            frames=int(contract.front_end["chunk"]), left_chunks=int(contract.front_end["left_chunks"])
        )
    except (KeyError, ValueError) as e:
        raise ModelError(f"not a contract of WeNet's encoder: {e}") from e


def rechunked(contract: InputContract, chunking: Chunking) -> InputContract:
    """An encoder's contract with other chunks: the graph takes any. Raises ModelError for another contract."""
    chunking_of(contract)
    cut = {"chunk": chunking.frames, "left_chunks": chunking.left_chunks}
    return replace(contract, front_end={**contract.front_end, **cut})


def empty_caches(contract: InputContract) -> dict[str, Array]:
    """What goes in before the first chunk: the dummy frame alone, and silence. All zeros."""
    specs = {spec.name: spec for spec in contract.inputs}
    if not specs.keys() >= set(CACHES):
        raise ModelError(f"not a contract of WeNet's encoder: no input {CACHES[0]!r}")
    return {
        name: np.zeros([1 if size < 0 else size for size in specs[name].shape], np.float32) for name in CACHES
    }


class Joined:
    """Encoder and CTC as one `Engine`: the encoder's outputs, the dummy frame gone, and `log_probs`."""

    def __init__(self, encoder: Engine, ctc: Engine) -> None:
        self._encoder, self._ctc = encoder, ctc
        self.inputs, self.outputs = encoder.inputs, (*encoder.outputs, *ctc.outputs)

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """One chunk; raises ModelError for inputs not the encoder's."""
        made = dict(self._encoder.run(inputs))
        made[ENCODED] = np.ascontiguousarray(made[ENCODED][:, 1:])
        made.update(self._ctc.run({ENCODED: made[ENCODED]}))
        return made


def joined(outputs: Sequence[Tensors], name: str) -> Array:
    """Output `name` of every chunk one after the other, (1, frames, n). Raises ModelError where one lacks it."""
    if not outputs or any(name not in chunk for chunk in outputs):
        raise ModelError(f"the runs gave no output {name!r}", hint="run encoder and CTC as one: wenet.Joined")
    return np.concatenate([chunk[name] for chunk in outputs], axis=1)


def decode(outputs: Sequence[Tensors]) -> Transcript:
    """Greedy CTC over what `Joined` gave for each chunk. Raises ModelError where there is no `log_probs`."""
    return greedy(joined(outputs, LOG_PROBS)[0])

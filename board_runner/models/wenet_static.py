"""U2's encoder and CTC as one graph of fixed sizes: caches always full, and a mask over what is not there yet.

The graph adds `hidden` to the scores of attention: 0 for a frame that is there, -MASK for one that is not. So a
first chunk, whose caches are zeros, and a last one, filled up, are run by the graph that runs all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.errors import ModelError
from board_runner.frontends.fbank import Fbank
from board_runner.models.wenet_chunks import Chunking, check_length, encoder_frames, positions

GRAPH = "static"
FEATS, PLACES, HIDDEN = "feats", "positions", "hidden"
LOGITS, ENCODED = "logits", "encoded"

MASK = 64.0
"""Off the score of a frame that must not be seen. exp(-64) is nothing beside 1 in float32, even times e^40, and a
quantiser that goes by smallest and largest value still has 16 bits for the scores that matter."""

MOST_LAYERS = 64


def cache(layer: int) -> str:
    """The kept inputs of a layer."""
    return f"cache_{layer}"


def state(layer: int) -> str:
    """The last inputs of a layer's convolution."""
    return f"state_{layer}"


CARRY: Mapping[str, str] = {
    f"next_{name}": name for layer in range(MOST_LAYERS) for name in (cache(layer), state(layer))
}
"""Of any number of layers up to MOST_LAYERS."""


def contract(
    *,
    front_end: Fbank | None = None,
    chunking: Chunking,
    width: int = 256,
    layers: int = 12,
    kernel: int = 15,
    tokens: int = 4233,
) -> InputContract:
    """Of the one graph: everything float32 and of one size.

    Raises ModelError for chunks or a history that have no bound, and for more than MOST_LAYERS layers.
    """
    fbank, chunk, kept = front_end or Fbank(), chunking.frames, chunking.kept
    if chunk < 1 or chunking.left_chunks < 1 or not 1 <= layers <= MOST_LAYERS:
        raise ModelError(
            f"chunks of {chunk} frames that see {chunking.left_chunks} back, {layers} layers: a graph of fixed "
            f"sizes wants chunks and a history of 1 at least, and at most {MOST_LAYERS} layers"
        )
    carried = {cache(i): (1, kept, width) for i in range(layers)}
    carried |= {state(i): (1, width, kernel - 1) for i in range(layers)}
    inputs = {
        FEATS: (1, chunking.window, fbank.channels),
        PLACES: (1, kept + chunk, width),
        HIDDEN: (1, 1, 1, kept + chunk),
        **carried,
    }
    outputs = {LOGITS: (1, chunk, tokens), ENCODED: (1, chunk, width)}
    outputs |= {f"next_{name}": shape for name, shape in carried.items()}
    return InputContract(
        model="wenet",
        sample_rate_hz=fbank.sample_rate_hz,
        inputs=_floats(inputs),
        outputs=_floats(outputs),
        front_end={
            **fbank.as_front_end(),
            "graph": GRAPH,
            "chunk": chunk,
            "left_chunks": chunking.left_chunks,
            "mask": MASK,
        },
    )


def _floats(shapes: Mapping[str, tuple[int, ...]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name=name, dtype="float32", shape=shape) for name, shape in shapes.items())


def is_static(contract: InputContract) -> bool:
    """Whether a contract of WeNet is this graph's."""
    return contract.front_end.get("graph") == GRAPH


def chunking_of(contract: InputContract) -> Chunking:
    """The chunks that the graph was made for; raises ModelError for another contract."""
    try:
        stated = contract.front_end
        return Chunking(frames=int(stated["chunk"]), left_chunks=int(stated["left_chunks"]))
    except (KeyError, ValueError) as e:
        raise ModelError(f"not a contract of WeNet's graph of fixed sizes: {e}") from e


def chunks(samples: Array, contract: InputContract) -> Iterator[Tensors]:
    """Mono float32 (n,) -> the inputs of each chunk; the first has caches of zeros, the others take the carried.

    A last chunk that is shorter is filled up with its own last frame of features, hidden from the rest. Raises
    InputError for a clip too short or too long, ModelError for another contract.
    """
    fbank, chunking = Fbank.of(contract.front_end, contract.sample_rate_hz), chunking_of(contract)
    shapes = {spec.name: spec.shape for spec in contract.inputs}
    features = fbank.features(samples)
    check_length(features)
    empty = {name: np.zeros(shapes[name], np.float32) for name in CARRY.values() if name in shapes}
    for first, window in chunking.windows(len(features)):
        given = features[window]
        yield {
            FEATS: np.pad(given, [(0, chunking.window - len(given)), (0, 0)], mode="edge")[None],
            PLACES: _places(first, chunking, shapes[PLACES][-1])[None],
            HIDDEN: _hidden(first, encoder_frames(len(given)), chunking, float(contract.front_end["mask"])),
            **empty,
        }
        empty = {}


def _places(first: int, chunking: Chunking, width: int) -> Array:
    """Rows of the kept frames and the new ones; those before the clip are zeros."""
    before = max(chunking.kept - first, 0)
    rows = positions(first - chunking.kept + before, chunking.kept + chunking.frames - before, width)
    return np.pad(rows, [(before, 0), (0, 0)])


def _hidden(first: int, count: int, chunking: Chunking, mask: float) -> Array:
    """(1, 1, 1, kept + frames): what lies before the clip's first frame or behind the chunk's `count` new ones."""
    number = np.arange(-chunking.kept, chunking.frames)
    there = (number >= -first) & (number < count)
    return np.where(there, np.float32(0), np.float32(-mask))[None, None, None]


def real(chunk: Tensors, outputs: Tensors) -> dict[str, Array]:
    """The outputs of a chunk without the frames that only filled it up; state as it is."""
    hidden, frames = chunk[HIDDEN].ravel(), outputs[LOGITS].shape[1]
    count = int(np.count_nonzero(hidden[len(hidden) - frames :] == 0))
    return {name: value[:, :count] if name in (LOGITS, ENCODED) else value for name, value in outputs.items()}


def log_softmax(logits: Array) -> Array:
    """Log-probabilities over the last axis, float32."""
    centred = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(centred - np.log(np.exp(centred).sum(axis=-1, keepdims=True)), np.float32)

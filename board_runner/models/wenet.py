"""Speech recognition by WeNet's U2 (arXiv 2012.05481): chunk by chunk, state carried from each to the next.

Three graphs: the encoder takes a chunk and the caches, CTC makes scores of what it gives, the decoder scores whole
hypotheses. Each cache begins with one dummy frame that is never used: so a graph without optional inputs can begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from board_runner.contract import Array, InputContract, Tensors, TensorSpec
from board_runner.engine import Engine
from board_runner.errors import ModelError
from board_runner.frontends.fbank import Fbank
from board_runner.models import wenet_static
from board_runner.models.base import Transcript
from board_runner.models.ctc import greedy
from board_runner.models.wenet_chunks import Chunking, check_length

METRIC = "character error rate"

FEATS, OFFSET, KEEP = "feats", "offset", "keep"
CACHES = ("subsampling_cache", "layer_cache", "convolution_cache")
CARRY: Mapping[str, str] = {**{f"next_{name}": name for name in CACHES}, **wenet_static.CARRY}
ENCODED, TOKENS, LOG_PROBS = "encoded", "tokens", "log_probs"


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
            *(_floats(f"next_{name}", *shape) for name, shape in zip(CACHES, caches, strict=True)),
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
    if wenet_static.is_static(contract):
        yield from wenet_static.chunks(samples, contract)
        return
    fbank, chunking = Fbank.of(contract.front_end, contract.sample_rate_hz), chunking_of(contract)
    features = fbank.features(samples)
    check_length(features)
    state = empty_caches(contract)
    for first, window in chunking.windows(len(features)):
        yield {
            FEATS: features[None, window],
            OFFSET: np.array([first + 1], np.int64),
            KEEP: np.array([chunking.kept], np.int64),
            **state,
        }
        state = {}


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


def real(chunk: Tensors, outputs: Tensors) -> Tensors:
    """What `run_model` keeps of a chunk's outputs: a graph of fixed sizes gives frames that only filled it up."""
    return wenet_static.real(chunk, outputs) if wenet_static.HIDDEN in chunk else outputs


def whole(outputs: Sequence[Tensors]) -> Tensors:
    """What all chunks gave beside state, one after the other: (1, frames, n) by name."""
    return {name: joined(outputs, name) for name in (outputs[0] if outputs else ()) if name not in CARRY}


def decode(outputs: Sequence[Tensors]) -> Transcript:
    """Greedy CTC over what `Joined` or the graph of fixed sizes gave for each chunk.

    Raises ModelError where there is neither `log_probs` nor `logits`.
    """
    if outputs and all(wenet_static.LOGITS in chunk for chunk in outputs):
        return greedy(wenet_static.log_softmax(joined(outputs, wenet_static.LOGITS)[0]))
    return greedy(joined(outputs, LOG_PROBS)[0])

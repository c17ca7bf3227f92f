"""The model module: windows, empty caches, the loop with carried state, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner import models
from board_runner.contract import Array, TensorSpec
from board_runner.engine import Engine, load
from board_runner.errors import InputError, ModelError
from board_runner.frontends.fbank import Fbank
from board_runner.models import wenet
from board_runner.models.base import run_model
from board_runner.models.ctc import prefix_beam
from board_runner.models.rescoring import rescored
from board_runner.models.wenet_chunks import POSITIONS, Chunking, encoder_frames

CONTRACT = wenet.contract(chunking=Chunking(frames=8), width=32, layers=3)


@pytest.mark.parametrize("frames", [7, 35, 36, 67, 131, 298])
@pytest.mark.parametrize("chunk", [0, 1, 8, 16, 32])
def test_windows_give_every_encoder_frame_once(frames: int, chunk: int) -> None:
    """In order, none lost and none twice, up to what the whole clip gives."""
    made = []
    for first, window in Chunking(frames=chunk).windows(frames):
        count = encoder_frames(len(range(frames)[window]))
        made += list(range(first, first + count))
    assert list(range(encoder_frames(frames))) == made


def test_a_chunk_of_32_takes_131_feature_frames() -> None:
    """32 encoder frames, 1.28 s, from 131; the next window begins 128 later."""
    (first, window), (second, following), *_ = Chunking(frames=32).windows(1000)
    assert (0, slice(0, 131), 32, slice(128, 259)) == (first, window, second, following)


def test_the_first_chunk_has_empty_caches(clip: Array) -> None:
    """One dummy frame in each, offset 1; later chunks take what is carried, and count on."""
    first, second, *_ = models.get("wenet").chunks(clip, CONTRACT)
    assert set(first) == {spec.name for spec in CONTRACT.inputs}
    for spec in CONTRACT.inputs:
        spec.check(first[spec.name])
    assert ((1, 1, 32), (3, 1, 1, 32), (3, 1, 32, 14)) == tuple(first[name].shape for name in wenet.CACHES)
    assert (1, 9) == (first["offset"].item(), second["offset"].item())
    assert set(first) - set(second) == set(wenet.CACHES)
    assert np.array_equal(first["feats"][0, 32:], second["feats"][0, :3])


def test_history_is_bounded_by_the_contract(clip: Array) -> None:
    """Left chunks times frames, everything below 0, nothing at 0."""
    kept = {
        left: next(wenet.chunks(clip, wenet.contract(chunking=Chunking(frames=8, left_chunks=left))))[
            "keep"
        ].item()
        for left in (-1, 0, 4)
    }
    assert {-1: POSITIONS, 0: 0, 4: 32} == kept


def test_clips_that_do_not_fit_are_refused() -> None:
    """Too short for one frame, longer than the table of positions; and a contract of another graph."""
    with pytest.raises(InputError, match="6 frames of features"):
        next(wenet.chunks(np.zeros(400 + 5 * 160, np.float32), CONTRACT))
    with pytest.raises(InputError, match="positions end at 5000"):
        next(wenet.chunks(np.zeros(16000 * 201, np.float32), CONTRACT))
    with pytest.raises(ModelError, match="ctc, which takes no audio"):
        wenet.chunking_of(wenet.ctc_contract())
    with pytest.raises(ModelError, match="not a contract"):
        wenet.chunking_of(models.get("eat").contract())
    with pytest.raises(ModelError, match="no output 'log_probs'"):
        wenet.decode([{"encoded": np.zeros((1, 2, 32), np.float32)}])


def test_free_sizes_are_free_and_others_are_not() -> None:
    """A size of -1 takes any; rank, type and the rest must be the contract's."""
    spec = TensorSpec(name="x", dtype="float32", shape=(1, -1, 3))
    for length in (0, 1, 9):
        spec.check(np.zeros((1, length, 3), np.float32))
    for wrong in (np.zeros((2, 1, 3), np.float32), np.zeros((1, 3), np.float32), np.zeros((1, 1, 3))):
        with pytest.raises(ModelError, match="input 'x'"):
            spec.check(wrong)


@pytest.mark.torch
@pytest.mark.parametrize("left_chunks", [-1, 1])
@pytest.mark.parametrize("runtime", ["float engine", "ONNX Runtime"])
def test_three_chunks_carry_their_state(
    exported: Path, network: Any, clip: Array, runtime: str, left_chunks: int
) -> None:
    """Chunk by chunk through the runner's loop: the caches grow, the frames are those of the clip at once."""
    import torch

    contract = wenet.contract(chunking=Chunking(frames=16, left_chunks=left_chunks), width=32, layers=3)
    outputs = run_model(wenet, _joined(exported, runtime), clip[: 400 + 160 * 190], contract)

    feats = torch.from_numpy(Fbank().features(clip[: 400 + 160 * 190]))[None]
    with torch.no_grad():
        whole = network.encoder(feats, 16, left_chunks).numpy()
    sizes = [chunk["next_layer_cache"].shape[2] for chunk in outputs]
    assert ([17, 33, 48] if left_chunks < 0 else [17, 17, 17]) == sizes
    assert np.abs(wenet.joined(outputs, "encoded") - whole).max() < 1e-4


@pytest.mark.torch
def test_state_that_is_not_carried_shows(exported: Path, clip: Array) -> None:
    """The same chunks, each begun with empty caches, say something else: carrying is not for nothing."""
    engine = _joined(exported, "float engine")
    contract = wenet.contract(chunking=Chunking(frames=16), width=32, layers=3)
    carried = run_model(wenet, engine, clip, contract)[1]["encoded"]
    second = list(wenet.chunks(clip, contract))[1]
    alone = engine.run({**second, **wenet.empty_caches(contract), "offset": np.array([1])})["encoded"]
    assert np.abs(carried - alone).max() > 1e-2


@pytest.mark.torch
def test_a_clip_is_heard_in_two_passes(exported: Path, network: Any, clip: Array) -> None:
    """Beam over chunks, rescoring by the exported decoder: scores as the network's own decoder gives them."""
    import torch

    outputs = run_model(wenet, _joined(exported, "float engine"), clip, wenet.contract(width=32, layers=3))
    encoded = wenet.joined(outputs, "encoded")
    hypotheses = prefix_beam([chunk["log_probs"][0] for chunk in outputs])
    assert 10 == len(hypotheses)
    assert wenet.decode(outputs).score <= hypotheses[0].score + 1e-6

    best, *_ = rescored(hypotheses, encoded, load(exported / "wenet_decoder.onnx"), ctc_weight=0.5)

    totals = {}
    for one in hypotheses:
        tokens = torch.tensor([[10, *one.tokens]])
        with torch.no_grad():
            scores = network.decoder(torch.from_numpy(encoded), tokens)[0]
        wanted = [*one.tokens, 10]
        totals[one.tokens] = float(scores[range(len(wanted)), wanted].sum()) + 0.5 * one.score
    assert max(totals.values()) == pytest.approx(best.score, abs=1e-3)
    assert totals[best.tokens] == pytest.approx(best.score, abs=1e-3)


def _joined(folder: Path, runtime: str) -> wenet.Joined:
    engines: list[Engine] = []
    for name in ("encoder", "ctc"):
        path = folder / f"wenet_{name}.onnx"
        if runtime == "ONNX Runtime":
            pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
            from deployer.comparison.onnx_engine import OrtEngine

            engines.append(OrtEngine(path))
        else:
            engines.append(load(path))
    return wenet.Joined(*engines)

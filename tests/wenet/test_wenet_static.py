"""The graph of fixed sizes: exact against the graphs of free sizes, at the clip's beginning, middle and end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from board_runner.contract import Array, InputContract
from board_runner.engine import Engine, load
from board_runner.errors import ModelError, UsageError
from board_runner.frontends.fbank import Fbank
from board_runner.graph import Graph
from board_runner.models import wenet, wenet_static
from board_runner.models.base import run_model
from board_runner.models.wenet_chunks import POSITIONS, Chunking, positions
from deployer import cli
from tests.wenet.conftest import FIXED

CUT = Chunking(frames=FIXED[0], left_chunks=FIXED[1])
TINY = wenet_static.contract(chunking=CUT, width=32, layers=3, tokens=11)


def _engine(path: Path, runtime: str) -> Engine:
    if runtime == "float engine":
        return load(path)
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    from deployer.comparison.onnx_engine import OrtEngine

    return OrtEngine(path)


def _contract(path: Path) -> InputContract:
    contract = Graph.load(path).contract
    assert contract is not None
    return contract


@pytest.mark.torch
@pytest.mark.parametrize("runtime", ["float engine", "ONNX Runtime"])
@pytest.mark.parametrize("feature_frames", [7, 35, 36, 298])
def test_every_chunk_is_that_of_the_whole_clip(
    static: Path, network: Any, clip: Array, runtime: str, feature_frames: int
) -> None:
    """One frame, one chunk, a shorter last one, ten chunks whose history fills up and moves on: all to 1e-5."""
    import torch

    samples = clip[: 400 + 160 * (feature_frames - 1)]
    outputs = run_model(wenet, _engine(static, runtime), samples, _contract(static))

    feats = torch.from_numpy(Fbank().features(samples))[None]
    with torch.no_grad():
        frames = network.encoder(feats, CUT.frames, CUT.left_chunks)
        wanted = network.ctc(frames).numpy()
    heard = wenet_static.log_softmax(wenet.joined(outputs, "logits"))
    assert heard.shape == wanted.shape
    np.testing.assert_allclose(heard, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(wenet.joined(outputs, "encoded"), frames.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.torch
def test_what_is_hidden_is_never_used(static: Path, clip: Array) -> None:
    """Noise in caches that are not there yet changes no bit of any frame; seen, it does."""
    engine, contract = _engine(static, "ONNX Runtime"), _contract(static)
    first = next(wenet.chunks(clip, contract))
    rng = np.random.default_rng(1)
    noise = {
        name: rng.standard_normal(value.shape).astype(np.float32)
        for name, value in first.items()
        if name.startswith("cache_")
    }
    plain, hidden = engine.run(first), engine.run({**first, **noise})
    seen = engine.run({**first, **noise, "hidden": np.zeros_like(first["hidden"])})
    assert np.array_equal(plain["logits"], hidden["logits"])
    assert np.abs(plain["logits"] - seen["logits"]).max() > 1e-2


def test_the_mask_hides_what_is_before_the_clip_and_behind_the_chunk(clip: Array) -> None:
    """24 kept frames and 8 new: all kept hidden at first, none from the fourth chunk on, the end where it ends."""
    shown = [chunk["hidden"].ravel() == 0 for chunk in wenet.chunks(clip[: 400 + 160 * 146], TINY)]
    kept = [int(row[:24].sum()) for row in shown]
    assert ([0, 8, 16, 24, 24], [8, 8, 8, 8, 4]) == (kept, [int(row[24:].sum()) for row in shown])
    assert shown[1][16:24].all() and shown[4][24:28].all()


def test_positions_are_the_formulas() -> None:
    """Sines and cosines of position / 10000^(2i / width) in float64, to what float32 angles of 200 s allow."""
    place, pair = np.arange(4000, 4050)[:, None], np.arange(32)[None]
    angles = place / 10000.0 ** (2 * pair / 64)
    table = positions(4000, 50, 64)
    assert table.dtype == np.float32 and table.shape == (50, 64)
    np.testing.assert_allclose(table[:, ::2], np.sin(angles), atol=POSITIONS * 2**-23)
    np.testing.assert_allclose(table[:, 1::2], np.cos(angles), atol=POSITIONS * 2**-23)


@pytest.mark.parametrize("sizes", [{"frames": 0, "left_chunks": 2}, {"frames": 8, "left_chunks": -1}])
def test_sizes_without_a_bound_are_refused(sizes: dict[str, int]) -> None:
    """A whole clip at once, or all history, has no fixed size."""
    with pytest.raises(ModelError, match="a graph of fixed sizes wants"):
        wenet_static.contract(chunking=Chunking(**sizes))


@pytest.mark.torch
def test_a_graph_that_uses_what_is_hidden_is_found(static: Path, exported: Path) -> None:
    """The mask left out of one layer: both checks of the export that should see it do."""
    from deployer.export import wenet_static_checks

    model = onnx.load(str(static))
    (masked, *_) = [node for node in model.graph.node if "hidden" in node.input]
    masked.op_type = "Identity"
    del masked.input[1:]
    free = {name: onnx.load(str(exported / f"wenet_{name}.onnx")) for name in ("encoder", "ctc")}
    rows = wenet_static_checks.verify(model, _contract(static), free)
    failed = [row.name.removeprefix("fixed sizes: ") for row in rows if not row.passed]
    assert ["chunk by chunk", "hidden frames unused", "float engine, chunk by chunk"] == failed


@pytest.mark.torch
def test_the_command_exports_it_beside_the_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`deploy export --model wenet --static 4 2`: a fourth file, whose checks are in the report; EAT has none."""
    pytest.importorskip("onnxsim", reason="the ONNX tools are not installed")
    monkeypatch.chdir(tmp_path)
    asked = ["export", "--model", "wenet", "--checkpoint", str(folder), "--static", "4", "2", "--json", "-q"]
    assert 0 == cli.execute([*asked, "--out", "graphs"])
    report = json.loads(capsys.readouterr().out)
    assert Path("graphs/wenet_static.onnx") == Path(report["models"]["static"]["path"])
    assert 10 == sum(check["name"].startswith("fixed sizes: ") for check in report["checks"])
    assert wenet_static.chunking_of(_contract(Path("graphs/wenet_static.onnx"))) == Chunking(
        frames=4, left_chunks=2
    )
    from deployer import export

    with pytest.raises(UsageError, match="eat takes no chunks"):
        export.run(folder, tmp_path, model="eat", static=CUT)

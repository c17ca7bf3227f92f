"""U2's definition: its sizes, the chunk mask, and the caches without and with dummy frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from board_runner.errors import ModelError
from tests.wenet.conftest import SETTINGS, write_folder

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from deployer.export import upstream_names, wenet_source  # noqa: E402
from deployer.export.wenet_encoder import Encoder, chunk_mask  # noqa: E402
from deployer.export.wenet_graphs import StreamingEncoder  # noqa: E402
from deployer.export.wenet_sizes import POSITIONS, WenetShape, multiplications  # noqa: E402


def test_parameters_and_multiplications_are_the_published_networks() -> None:
    """33 464 832 trained values (35 040 768 with layers that are stored and never used), 1.433 G per 32 frames."""
    shape = WenetShape()
    with torch.device("meta"):
        trained = sum(value.numel() for value in Encoder(shape).parameters())
    unused = shape.layers * (2 * shape.width * shape.width + shape.width)
    assert (33_464_832, 35_040_768) == (trained, trained + unused)
    with_dummy = multiplications(shape, frames=32, history=1, known_positions=True)
    assert (1_433_149_184, 1_443_864_320) == (with_dummy, multiplications(shape, frames=32))


def test_the_formula_counts_what_the_layers_do(network: Any) -> None:
    """Hooks on every layer, and the three products of attention, add up to the formula."""
    encoder, shape = network.encoder, network.shape
    found = []

    def count(layer: Any, _: Any, output: Any) -> None:
        each = layer.in_features if isinstance(layer, torch.nn.Linear) else layer.weight[0].numel()
        found.append(output.numel() * each)

    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d)
    hooks = [m.register_forward_hook(count) for m in encoder.modules() if isinstance(m, kinds)]
    try:
        with torch.no_grad():
            _, caches = encoder.forward_chunk(torch.randn(1, 35, shape.channels))
            found.clear()
            encoder.forward_chunk(torch.randn(1, 35, shape.channels), 8, caches)
    finally:
        for hook in hooks:
            hook.remove()
    products = shape.layers * 3 * 8 * 16 * shape.width
    assert sum(found) + products == multiplications(shape, frames=8, history=8)


def test_the_mask_hides_later_chunks_and_those_too_far_back() -> None:
    """Chunks of two: a frame sees its own, and as many before it as allowed."""
    seen = ~chunk_mask(6, 2, 1)
    assert seen.int().tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1],
        [0, 0, 1, 1, 1, 1],
    ]
    assert not chunk_mask(6, 0).any()


@pytest.mark.parametrize("left_chunks", [-1, 0, 1, 3])
def test_chunks_are_exact_against_the_whole_clip(network: Any, left_chunks: int) -> None:
    """Without caches, with dummy frames, and all at once under the mask: one answer, whatever the history."""
    encoder, streaming = network.encoder, StreamingEncoder(network.encoder)
    feats = 8 + 2 * torch.randn(1, 240, 80, generator=torch.Generator().manual_seed(1))
    keep = POSITIONS if left_chunks < 0 else 8 * left_chunks
    caches, with_dummies, done = None, _dummies(network.shape), 0
    plain, dummied = [], []
    with torch.no_grad():
        whole = encoder(feats, 8, left_chunks)
        for start in range(0, 240 - 6, 32):
            chunk = feats[:, start : start + 35]
            y, caches = encoder.forward_chunk(chunk, done, caches, keep)
            z, *with_dummies = streaming(chunk, torch.tensor([done + 1]), torch.tensor([keep]), *with_dummies)
            done += y.size(1)
            plain.append(y)
            dummied.append(z[:, 1:])
            assert with_dummies[1].size(2) == 1 + min(done, keep)
    assert done == whole.size(1) == 59
    assert (torch.cat(plain, 1) - whole).abs().max() < 1e-5
    assert torch.equal(torch.cat(plain, 1), torch.cat(dummied, 1))
    assert caches is not None and torch.equal(caches.layers, with_dummies[1][:, :, 1:])


def _dummies(shape: WenetShape) -> list[Any]:
    """Values that would show at once if they were used."""
    return [
        torch.full((1, 1, shape.width), 1e9),
        torch.full((shape.layers, 1, 1, shape.width), -1e9),
        torch.zeros(shape.layers, 1, shape.width, shape.kernel - 1),
    ]


def test_the_mask_matters(network: Any) -> None:
    """Full attention is another answer than chunks: the comparisons above can fail."""
    feats = 8 + 2 * torch.randn(1, 240, 80, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert (network.encoder(feats) - network.encoder(feats, 8)).abs().max() > 1e-2


def test_the_decoder_looks_back_only(network: Any) -> None:
    """A token that changes changes nothing before it: padding at the end is harmless."""
    encoded = torch.randn(1, 6, network.shape.width)
    tokens = torch.tensor([[10, 3, 4, 5], [10, 3, 7, 10]])
    with torch.no_grad():
        first, second = network.decoder(encoded, tokens)
    assert (first[:2] - second[:2]).abs().max() < 1e-6 < (first[2] - second[2]).abs().max()
    assert (first.exp().sum(-1) - 1).abs().max() < 1e-5


def test_weights_with_the_published_names_load_strictly(network: Any, tmp_path: Path) -> None:
    """The mapping file names every layer, ignores what is never used, and refuses what it does not know."""
    theirs = {ours: name for name, ours in upstream_names.load("wenet_u2").modules.items()}
    state = {}
    for name, value in network.state_dict().items():
        module, _, kind = name.rpartition(".")
        state[f"{theirs[module]}.{kind}"] = value
    state["encoder.encoders.0.concat_linear.weight"] = torch.zeros(2)

    with pytest.raises(ModelError, match="causal: true"):
        wenet_source.load(write_folder(tmp_path / "silent", state))
    causal = SETTINGS.replace("num_blocks: 3", "num_blocks: 3, causal: true")
    loaded = wenet_source.load(write_folder(tmp_path / "upstream", state, causal))

    mine = network.state_dict()
    assert all(torch.equal(value, mine[name]) for name, value in loaded.network.state_dict().items())
    state["encoder.encoders.0.another.weight"] = torch.zeros(2)
    with pytest.raises(ModelError, match="another"):
        wenet_source.load(write_folder(tmp_path / "foreign", state, causal))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("encoder: conformer", "encoder: transformer", "encoder is 'transformer'"),
        ("num_blocks: 3", "num_blocks: 3, causal: false", "causal is False"),
        ("num_blocks: 3", "num_blocks: 4", "lacks encoder.layers.3"),
        ("num_blocks: 3", "num_blocks: many", "wants a whole number"),
        ("attention_heads: 4", "attention_heads: 5", "shared among 5 heads"),
        (
            "decoder_conf: {attention_heads: 2, linear_units: 40, num_blocks: 2}",
            "decoder_conf: 7",
            "wants settings",
        ),
    ],
)
def test_settings_of_another_network_are_refused(
    network: Any, tmp_path: Path, before: str, after: str, said: str
) -> None:
    """By name, before anything is exported."""
    changed = SETTINGS.replace(before, after)
    assert changed != SETTINGS
    with pytest.raises(ModelError, match=said):
        wenet_source.load(write_folder(tmp_path / "other", network.state_dict(), changed))

"""The networks: counts to the digit, what they promise of their outputs, and the settings that make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.errors import ModelError
from deployer.export.ecapa_shape import PRESETS, EcapaShape, preset
from tests.ecapa.conftest import network_of, write_checkpoint

COUNTS = {
    "seed": (33_125_440, 6_412_042_240),
    "C512": (6_194_048, 1_037_271_040),
    "C1024": (14_660_416, 2_649_030_656),
}
"""Parameters, and multiply-accumulates for one input of 80 x 200."""

SEED_HEAD = 1211 * 192 + 1211
"""The trainer's classifier of 1211 speakers, weights and norms."""


@pytest.mark.torch
@pytest.mark.parametrize("name", PRESETS)
def test_a_network_has_the_published_counts(name: str) -> None:
    """Neither a bias nor a frame too few; with its classifier the seed's network has 33 359 163."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.counting import multiplications, parameters
    from deployer.export.ecapa import Ecapa

    network = Ecapa(preset(name))
    assert COUNTS[name] == (parameters(network), multiplications(network, 1, 80, 200))
    if name == "seed":
        assert parameters(network) + SEED_HEAD == 33_359_163


@pytest.mark.torch
@pytest.mark.parametrize("name", PRESETS)
def test_the_outputs_are_an_embedding_and_weights_over_time(name: str) -> None:
    """(n, width) and (n, frames, pooled); the weights of a channel sum to 1, and the seed's length is 1."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    network = network_of(name)
    with torch.no_grad():
        embedding, weights = network(torch.randn(3, 80, 50))
        silent, _ = network(torch.full((1, 80, 50), -0.919))
    assert (tuple(embedding.shape), tuple(weights.shape)) == ((3, 16), (3, 50, 36))
    assert weights.sum(1).numpy() == pytest.approx(np.ones((3, 36)), abs=1e-5)
    assert torch.isfinite(silent).all()
    if name == "seed":
        assert torch.linalg.vector_norm(embedding, dim=1).numpy() == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.torch
def test_what_goes_past_the_blocks() -> None:
    """With blocks that give nothing: the stem's result times 1, 2, 4 where sums go past, else the stem's."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    mel = torch.randn(1, 80, 30)
    for past, factors in (("input", (1, 1, 1)), ("sum", (1, 2, 4)), ("sum beside", (1, 2, 4))):
        network = network_of("C512", past=past)
        for block in network.blocks:
            for value in block.gate.parameters():
                value.data.zero_()
            block.close.norm.weight.data.zero_()
            block.close.norm.bias.data.zero_()
        with torch.no_grad():
            stem = network.stem(mel)
            made = network._frames(mel)
        for result, factor in zip(made, factors, strict=True):
            assert result.numpy() == pytest.approx(factor * stem.numpy(), abs=1e-4)


@pytest.mark.torch
def test_each_group_is_filtered_with_the_result_before_it() -> None:
    """With filters that give back what they get: the first group passes, then running sums from the second on."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.ecapa import Stairs

    stairs = Stairs(8, 4, 3, 2, fill="zeros").eval()
    for step in stairs.steps:
        step.conv.weight.data.copy_(torch.eye(2)[:, :, None] * torch.tensor([0.0, 1.0, 0.0]))
        step.conv.bias.data.zero_()
        step.norm.eps = 0.0
    parts = torch.rand(1, 8, 5).split(2, dim=1)
    with torch.no_grad():
        made = stairs(torch.cat(parts, 1)).split(2, dim=1)
    wanted = [parts[0], parts[1], parts[1] + parts[2], parts[1] + parts[2] + parts[3]]
    for one, two in zip(made, wanted, strict=True):
        assert one.numpy() == pytest.approx(two.numpy(), abs=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["seed", "C512"])
def test_even_weights_pool_mean_and_deviation(name: str) -> None:
    """Where no frame is preferred, the pooling gives each channel's mean and standard deviation over the clip."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    network = network_of(name)
    for value in network.attention.spread.parameters():
        value.data.zero_()
    seen: dict[str, Any] = {}
    network.attention.register_forward_hook(lambda _, given, made: seen.update(x=given[0], weights=made))
    network.pool_norm.register_forward_hook(lambda _, given, made: seen.update(pooled=given[0]))
    with torch.no_grad():
        network(torch.randn(2, 80, 40))
    x = seen["x"].numpy()
    deviation = np.sqrt(np.maximum(x.var(axis=2), 1e-4))
    wanted = np.concatenate([x.mean(axis=2), deviation], axis=1)
    assert seen["weights"].numpy() == pytest.approx(1 / 40)
    assert np.abs(seen["pooled"].numpy() - wanted).max() < 1e-3


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"channels": 0}, "channels 0"),
        ({"inner": 500}, "500 inner channels in 8 groups"),
        ({"dilations": ()}, "dilations"),
        ({"past": "both"}, "past 'both'"),
    ],
)
def test_sizes_that_make_no_network_are_refused(change: dict[str, Any], fault: str) -> None:
    """Named where they are given."""
    with pytest.raises(ModelError, match=fault):
        EcapaShape(**change)


@pytest.mark.torch
def test_settings_decide_the_network_and_its_contract(tmp_path: Path) -> None:
    """A preset in any case, what differs from it, and the frames; what cannot be is named with its key."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export import sources

    folder = write_checkpoint(tmp_path / "c", "c512", frames=50)
    contract = sources.load("ecapa", folder).contract
    assert [spec.shape for spec in contract.outputs] == [(1, 16), (1, 50, 36)]
    assert contract.front_end["frames"] == 50
    for settings, fault in (
        ("frames: 50\n", "no network"),
        ("network: C256\n", "no ECAPA network 'C256'"),
        ("network: seed\nchannels: wide\n", "channels is 'wide'"),
        ("network: seed\ndilations: [2, x]\n", "dilations is 'x'"),
        ("network: seed\ninner: 500\n", "500 inner"),
        ("network: seed\n", "other shapes"),
    ):
        (folder / "args.yml").write_text(settings)
        with pytest.raises(ModelError, match=fault):
            sources.load("ecapa", folder)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "file", "more"),
    [
        ("seed", "ecapa_seed", {"speaker_embedding.weight_g": (7, 1), "speaker_embedding.weight_v": (7, 16)}),
        ("C1024", "ecapa_speechbrain", {}),
    ],
)
def test_published_names_load_strictly(
    name: str, file: str, more: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    """Weights under the published names, in their shapes, make the same network; one name too many or few is told.

    The names are of the file: that the publishers' own weights bear them was never tried.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export import sources, upstream_names

    own = network_of(name).state_dict()
    names = upstream_names.load(file)
    assert "never tried" in names.tried
    theirs = {ours: module for module, ours in names.modules.items()}
    assert len(theirs) == len(names.modules)
    state = {}
    for key, value in own.items():
        module, _, kind = key.rpartition(".")
        renamed = f"{theirs[module]}.{kind}"
        linear = value.dim() == 3 and file == "ecapa_seed"
        stored = value.squeeze(-1) if linear else value.unsqueeze(-1)
        state[renamed] = stored if renamed.endswith(names.reshape) else value
    state |= {key: torch.ones(shape) for key, shape in more.items()}
    folder = write_checkpoint(tmp_path / "c", name, state)
    mel = torch.randn(1, 80, 200)
    with torch.no_grad():
        ours, loaded = network_of(name)(mel)[0], sources.load("ecapa", folder).network(mel)[0]
    assert np.array_equal(ours.numpy(), loaded.numpy())
    with pytest.raises(ModelError, match="does not name"):
        sources.load("ecapa", write_checkpoint(folder, name, state | {"extra.weight": torch.ones(1)}))
    state.popitem()
    if not more:
        with pytest.raises(ModelError, match="lacks"):
            sources.load("ecapa", write_checkpoint(folder, name, state))


@pytest.mark.torch
def test_the_classifier_of_the_training_is_left_out(tmp_path: Path) -> None:
    """`classifier.*` beside the network's own weights is no fault."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export import sources

    state = network_of("seed").state_dict() | {"classifier.weight": torch.ones(7, 16)}
    source = sources.load("ecapa", write_checkpoint(tmp_path / "c", "seed", state))
    assert source.keeps_norms

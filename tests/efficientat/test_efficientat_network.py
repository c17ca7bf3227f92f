"""MN and DyMN: sizes, counts, both forms of a dynamic convolution, and what a checkpoint folder may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from board_runner.errors import ModelError
from deployer.export.efficientat_sizes import divisible, parse
from tests.efficientat.networks import random_network, write

COUNTS = {
    ("mn05", 20): (1_106_252, 33_468_992),
    ("mn10", 527): (4_876_831, 114_627_008),
    ("mn10", 20): (4_227_364, 113_978_048),
    ("mn20", 527): (17_909_287, 436_015_488),
    ("dymn05", 20): (2_617_292, 37_685_376),
    ("dymn10", 20): (9_899_012, 130_150_272),
    ("dymn20", 527): (39_966_143, 499_933_952),
    ("dymn20", 20): (38_667_716, 498_636_032),
}
"""Name, classes: parameters, and multiply-accumulates for 128 x 200, the mixing of kernels included."""


@pytest.mark.torch
@pytest.mark.parametrize(("name", "classes"), COUNTS)
def test_a_network_has_the_published_counts(name: str, classes: int) -> None:
    """Neither a bias nor a pixel too few."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.counting import multiplications, parameters
    from deployer.export.efficientat import build

    network = build(parse(name, classes=classes))
    assert COUNTS[name, classes] == (parameters(network), multiplications(network, 1, 1, 128, 200))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["mn05", "dymn05"])
def test_any_batch_and_length_goes_through(name: str) -> None:
    """Outputs have a row a clip, and each row is what the clip gives alone: no axis is squeezed, no size fixed."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    network = random_network(name)
    clips = torch.randn(3, 1, 128, 120)
    with torch.no_grad():
        together = network(clips)
        alone = [network(clip[None]) for clip in clips]
    assert [tuple(value.shape) for value in together] == [(3, 20), (3, 480)]
    for output, singles in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.allclose(output, torch.cat(singles), atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 2, 8), (5, 1, 8)])
def test_four_fixed_convolutions_are_the_mixed_one(kernel: int, stride: int, groups: int) -> None:
    """In double precision to its rounding error, normalisation folded, at any temperature."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.efficientat_dynamic import MixedConv
    from deployer.export.efficientat_static import FixedMix

    torch.manual_seed(1)
    mixed = MixedConv(8, 16 if groups == 1 else 8, 12, kernel, stride=stride, groups=groups).double().eval()
    for key, value in mixed.state_dict().items():
        if "running" in key:
            value.uniform_(0.5, 2.0)
    mixed.temperature = 3.0
    x, context = torch.randn(2, 8, 9, 11).double(), torch.randn(2, 12).double()
    with torch.no_grad():
        shares = mixed.shares(context)
        assert torch.allclose(shares.sum(dim=1), torch.ones(2).double())
        assert (FixedMix(mixed)(x, context) - mixed(x, context)).abs().max() < 1e-12


@pytest.mark.torch
def test_a_dynamic_relu_of_four_tensors_is_the_one_of_one() -> None:
    """In double precision to its rounding error, for coefficients from nothing to saturation."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.efficientat_dynamic import DynamicRelu
    from deployer.export.efficientat_static import SplitRelu

    torch.manual_seed(2)
    relu = DynamicRelu(5, 7).double()
    for size in (0.01, 1.0, 30.0):
        x, context = torch.randn(3, 5, 4, 6).double(), size * torch.randn(3, 7).double()
        with torch.no_grad():
            assert (SplitRelu(relu)(x, context) - relu(x, context)).abs().max() < 1e-12


@pytest.mark.torch
def test_the_rewritten_network_leaves_the_trained_one_as_it_was() -> None:
    """Both forms agree to float32's rounding, and only the copy has lost its mixed convolutions."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.efficientat_dynamic import MixedConv
    from deployer.export.efficientat_static import static

    network = random_network("dymn05")
    rewritten = static(network)
    assert sum(isinstance(layer, MixedConv) for layer in network.modules()) == 44
    assert not any(isinstance(layer, MixedConv) for layer in rewritten.modules())
    x = torch.randn(1, 1, 128, 200)
    with torch.no_grad():
        for a, b in zip(network(x), rewritten(x), strict=True):
            assert (a - b).abs().max() < 6e-6


@pytest.mark.torch
def test_a_dynamic_relu_has_two_pieces() -> None:
    """max(a1 x + b1, a2 x + b2) as published: plain ReLU where the context says nothing."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export.efficientat_dynamic import DynamicRelu

    relu = DynamicRelu(3, 4)
    x, context = torch.randn(2, 3, 5, 6), torch.randn(2, 4)
    with torch.no_grad():
        relu.coefficients.weight.zero_()
        relu.coefficients.bias.zero_()
        assert torch.equal(relu(x, context), torch.relu(x))
        relu.coefficients.bias.normal_()
        theta = torch.tanh(relu.coefficients(context) / 2).reshape(2, 3, 4)
        for clip in range(2):
            for channel in range(3):
                a1, a2, b1, b2 = (theta[clip, channel] * torch.tensor([1, 1, 0.5, 0.5])).tolist()
                plane = x[clip, channel]
                wanted = torch.maximum((1 + a1) * plane + b1, a2 * plane + b2)
                assert torch.allclose(relu(x, context)[clip, channel], wanted, atol=1e-6)


def test_names_say_kind_and_width() -> None:
    """Widths in tenths, whatever follows the underscore; channels go to multiples of 8, never far below."""
    assert parse("DyMN20_as", classes=20) == parse("dymn20", classes=20)
    assert (parse("mn05", classes=2).width, parse("mn05", classes=2).dynamic) == (0.5, False)
    assert [divisible(value) for value in (3, 12, 18, 36, 92)] == [8, 16, 24, 40, 96]
    for wrong in ("mn", "mn00", "resnet10", "mn100"):
        with pytest.raises(ModelError, match="EfficientAT network"):
            parse(wrong, classes=20)


@pytest.mark.torch
def test_a_folder_says_which_network_and_front_end(tmp_path: Path) -> None:
    """Classes come from the weights; front end, length and temperature from the settings."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from deployer.export import sources

    folder = write(tmp_path / "a", "dymn05", 7, front_end="tensorflow", samples=96000, temperature=2.0)
    source = sources.load("efficientat", folder)
    assert source.contract.outputs[0].shape == (1, 7)
    assert source.contract.inputs[0].shape == (1, 1, 128, 300)
    assert source.contract.front_end["variant"] == "tensorflow"
    assert source.reference.blocks[0].depth.temperature == 2.0
    (folder / "args.yml").write_text("model_name: mn05\n")
    with pytest.raises(ModelError, match="holds foreign"):
        sources.load("efficientat", folder)
    (folder / "args.yml").write_text("front_end: original\n")
    with pytest.raises(ModelError, match="no model_name"):
        sources.load("efficientat", folder)

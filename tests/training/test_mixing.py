"""Mixed batches and losses against their formulas, written out in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def _pair(length: int = 64) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    return tuple(torch.from_numpy(rng.standard_normal((2, 1, length)).astype(np.float32)) for _ in range(2))


def test_mixup_and_timemix() -> None:
    """A weighted sum; a stretch of the partner, along the last axis or another."""
    from deployer.training import mixing

    x, other = _pair()
    assert torch.allclose(mixing.mixup(x, other, 0.3), 0.3 * x + 0.7 * other)
    y = mixing.timemix(x, other, 10, 20)
    assert torch.equal(y[..., 10:20], other[..., 10:20])
    assert torch.equal(y[..., :10], x[..., :10])
    assert torch.equal(y[..., 20:], x[..., 20:])
    planes, partners = x.reshape(2, 1, 8, 8), other.reshape(2, 1, 8, 8)
    z = mixing.timemix(planes, partners, 2, 5, -2)
    assert torch.equal(z[:, :, 2:5], partners[:, :, 2:5])
    assert torch.equal(z[:, :, 5:], planes[:, :, 5:])


@pytest.mark.parametrize("length", [64, 63])
def test_freqmix_and_phmix_by_numpys_fft(length: int) -> None:
    """Lines of the partner's spectrum; own magnitudes with phases in between."""
    from deployer.training import mixing

    x, other = _pair(length)
    own, partner = np.fft.rfft(x.numpy()), np.fft.rfft(other.numpy())
    lines = own.copy()
    lines[..., 5:12] = partner[..., 5:12]
    assert np.allclose(mixing.freqmix(x, other, 5, 12), np.fft.irfft(lines, length), atol=1e-5)
    apart = (np.angle(partner) - np.angle(own) + np.pi) % (2 * np.pi) - np.pi
    expected = np.fft.irfft(np.abs(own) * np.exp(1j * (np.angle(own) + 0.6 * apart)), length)
    assert np.allclose(mixing.phmix(x, other, 0.4), expected, atol=1e-5)
    assert np.allclose(mixing.phmix(x, other, 1.0), x, atol=1e-5)


@pytest.mark.parametrize("name", ["mixup", "timemix", "freqmix", "phmix"])
def test_the_shares_of_the_labels_are_those_of_the_sound(name: str) -> None:
    """Rows sum to one, every clip keeps one share for itself, and a batch depends on its generator alone."""
    from deployer.training import mixing

    x, targets = torch.arange(6.0).reshape(6, 1, 1).repeat(1, 1, 50), torch.arange(6)
    drawn = []
    for seed in (4, 4, 5):
        y, shares = mixing.mixed(x, targets, 7, (name,), np.random.default_rng(seed), time_axis=-1)
        assert y.shape == x.shape
        assert torch.allclose(shares.sum(dim=1), torch.ones(6))
        drawn.append((y, shares))
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert not torch.equal(drawn[0][1], drawn[2][1])
    y, shares = drawn[0]
    if name in ("mixup", "timemix"):  # the mean of clip k is k: the share of the sound can be read off
        assert torch.allclose(y.mean(dim=(1, 2)), shares[:, :6] @ torch.arange(6.0), atol=1e-4)


def _log_softmax(logits: Array) -> Array:
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def test_losses_by_their_formulas() -> None:
    """Smoothed cross entropy, and both losses of mixed batches, in float64."""
    from deployer.training import losses

    rng = np.random.default_rng(8)
    logits, targets = rng.standard_normal((5, 4)), np.array([0, 3, 3, 1, 2])
    shares = rng.dirichlet(np.ones(4), 5)
    smooth = 0.9 * np.eye(4)[targets] + 0.1 / 4
    tensors = [torch.from_numpy(value) for value in (logits, targets, shares)]
    expected = -(smooth * _log_softmax(logits)).sum(axis=1).mean()
    assert float(losses.label_smooth(tensors[0], tensors[1], 0.1)) == pytest.approx(expected)
    expected = -(shares * _log_softmax(logits)).sum(axis=1).mean()
    assert float(losses.of_mixed(tensors[0], tensors[2], "ce")) == pytest.approx(expected)
    p = 1 / (1 + np.exp(-logits))
    expected = -(shares * np.log(p) + (1 - shares) * np.log(1 - p)).mean()
    assert float(losses.of_mixed(tensors[0], tensors[2], "bce")) == pytest.approx(expected)


def test_efficientat_learns_by_both_of_its_losses() -> None:
    """0.8 of the class-balanced loss and 0.2 of the contrast of features, with the counts of the training clips."""
    from deployer.export import efficientat_losses
    from deployer.training import losses, recipes

    logits, features = torch.randn(6, 3), torch.randn(6, 5)
    targets, counts = torch.tensor([0, 0, 1, 1, 2, 2]), [500, 40, 3]
    loss = losses.of_model(
        recipes.of("efficientat"), smoothing=0.1, counts=counts, device=torch.device("cpu")
    )
    weights = (1 - 0.9999) / (1 - 0.9999 ** np.array(counts, np.float64))
    weights *= 3 / weights.sum()
    each = -_log_softmax(logits.double().numpy())[np.arange(6), targets.numpy()]
    contrast = float(efficientat_losses.supervised_contrast(features, targets, temperature=0.07))
    expected = 0.8 * (weights[targets.numpy()] * each).mean() + 0.2 * contrast
    assert float(loss((logits, features), targets)) == pytest.approx(expected, rel=1e-5)


def test_the_average_is_a_weighted_sum() -> None:
    """Weights and statistics by the decay, counters copied; with decay 0 it is the network."""
    from deployer.training.ema import Averaged

    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average, plain = Averaged(network, 0.5), Averaged(network, 0.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        network[0].weight += 1.0
    network(torch.randn(4, 2))
    average.follow(network, 100)
    plain.follow(network, 100)
    for name, value in network.state_dict().items():
        kept = average.network.state_dict()[name]
        expected = value if name.endswith("tracked") else 0.5 * before[name] + 0.5 * value
        assert torch.allclose(kept, expected, atol=1e-6), name
        assert torch.equal(plain.network.state_dict()[name], value)

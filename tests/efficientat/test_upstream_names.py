"""Published names of weights: every one has a place, shapes are brought to ours, strangers are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from board_runner.errors import ModelError
from deployer.export.efficientat_sizes import BLOCKS, Block, divisible
from tests.efficientat.networks import random_network

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.torch

WHERE = Path("chkpnt.pt")
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for kind in NORM:
        yield f"{name}.{kind}", () if kind.startswith("num") else (channels,)


def _mn_block(number: int, b: Block, wide: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The tensors of one block of the published MN at width 1.0, by the rule of its naming."""
    layers: list[tuple[int, ...]] = [(wide, b.inside, 1, 1)] if wide != b.inside else []
    layers.append((wide, 1, b.kernel, b.kernel))
    layers += [(0,)] if b.excited else []
    layers.append((b.outside, wide, 1, 1))
    for j, shape in enumerate(layers):
        place = f"features.{number + 1}.block.{j}"
        if shape == (0,):
            small = divisible(wide // 4)
            for name, sizes in (("fc1", (small, wide)), ("fc2", (wide, small))):
                yield f"{place}.conc_se_layers.0.{name}.weight", sizes
                yield f"{place}.conc_se_layers.0.{name}.bias", sizes[:1]
        else:
            yield f"{place}.0.weight", shape
            yield from _norm(f"{place}.1", shape[0])


def _head() -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, sizes in ((2, (1280, 960)), (5, (20, 1280))):
        yield f"classifier.{number}.weight", sizes
        yield f"classifier.{number}.bias", sizes[:1]


def _mn() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "features.0.0.weight", (16, 1, 3, 3)
    yield from _norm("features.0.1", 16)
    for number, block in enumerate(BLOCKS):
        yield from _mn_block(number, block, block.expanded)
    yield "features.16.0.weight", (960, 160, 1, 1)
    yield from _norm("features.16.1", 960)
    yield from _head()


def _dymn() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "in_c.0.weight", (16, 1, 3, 3)
    yield from _norm("in_c.1", 16)
    for number, b in enumerate(BLOCKS):
        place, wide = f"layers.{number}", b.expanded
        h = min(max(divisible(wide // 4), 32), 128)
        flat = {"exp": wide * b.inside, "depth": wide * b.kernel**2, "proj": wide * b.outside}
        for name, size in flat.items():
            if name == "exp" and wide == b.inside:
                continue
            yield f"{place}.{name}_conv.weight", (1, 1, 4, size)
            yield f"{place}.{name}_conv.residuals.0.weight", (4, h)
            yield f"{place}.{name}_conv.residuals.0.bias", (4,)
            yield from _norm(f"{place}.{name}_norm", b.outside if name == "proj" else wide)
        yield f"{place}.depth_act.lambdas", (4,)
        yield f"{place}.depth_act.init_v", (4,)
        yield f"{place}.depth_act.coef_net.0.weight", (4 * wide, h)
        yield f"{place}.depth_act.coef_net.0.bias", (4 * wide,)
        yield f"{place}.context_gen.joint_conv.weight", (h, b.inside, 1, 1)
        yield from _norm(f"{place}.context_gen.joint_norm", h)
        for name in ("conv_f", "conv_t"):
            yield f"{place}.context_gen.{name}.weight", (wide, h, 1, 1)
            yield f"{place}.context_gen.{name}.bias", (wide,)
    yield "out_c.0.weight", (960, 160, 1, 1)
    yield from _norm("out_c.1", 960)
    yield from _head()


def _state(names: Iterator[tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    torch.manual_seed(2)
    return {name: torch.rand(shape) if shape else torch.tensor(3) for name, shape in names}


@pytest.mark.parametrize(("name", "published"), [("mn10", _mn), ("dymn10", _dymn)])
def test_every_published_tensor_has_its_place(name: str, published: Any) -> None:
    """Loaded strictly: none is left over and none is missing, and the values arrive as they were."""
    from deployer.export.efficientat_source import load_weights

    state = _state(published())
    network = random_network(name)
    load_weights(network, state, WHERE)
    ours = network.state_dict()
    assert torch.equal(ours["head.score.weight"], state["classifier.5.weight"])
    pairs = {
        "mn10": ("blocks.3.gate.squeeze.weight", "features.4.block.2.conc_se_layers.0.fc1.weight"),
        "dymn10": ("blocks.1.depth.weight", "layers.1.depth_conv.weight"),
    }
    mine, theirs = pairs[name]
    assert torch.equal(ours[mine].flatten(), state[theirs].flatten())


def test_what_is_foreign_or_missing_is_named() -> None:
    """A tensor that the mapping does not know, and one that it misses."""
    from deployer.export.efficientat_source import load_weights

    state = _state(_mn())
    with pytest.raises(ModelError, match=r"1 tensors the mapping does not name, features\.17\.extra"):
        load_weights(random_network("mn10"), {**state, "features.17.extra": torch.zeros(1)}, WHERE)
    del state["features.16.0.weight"]
    with pytest.raises(ModelError, match=r"lacks last\.conv\.weight"):
        load_weights(random_network("mn10"), state, WHERE)
    with pytest.raises(ModelError, match="does not name"):
        load_weights(random_network("dymn10"), _state(_mn()), WHERE)


@pytest.mark.parametrize("name", ["efficientat_mn", "efficientat_dymn"])
def test_a_mapping_says_what_it_was_tried_on(name: str) -> None:
    """Nobody is to take a mapping for proven that has not seen the published files."""
    from deployer.export import upstream_names

    assert upstream_names.load(name).tried == "never tried on real upstream weights"

"""Weights of the TensorFlow recipes: names, layouts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'sgs-deploy[export]'")

from board_runner.contract import Array  # noqa: E402
from board_runner.errors import ModelError  # noqa: E402
from deployer.export import kws_upstream, sources, weights  # noqa: E402
from deployer.export.kws import build  # noqa: E402
from deployer.export.kws_sizes import parse  # noqa: E402

pytestmark = pytest.mark.torch
CNN = "4 5 3 1 1 6 4 3 2 1 7 9"
DS_CNN = "3 8 10 4 2 2 8 3 3 1 1 12 3 3 2 2"
HERE = Path("recipe.ckpt")


def _noise(*shape: int) -> Array:
    rng = np.random.default_rng(list(shape))
    return rng.uniform(0.2, 1.0, shape).astype(np.float32) * rng.choice([-1, 1], shape).astype(np.float32)


def _norm(scope: str, channels: int, *, scale: bool) -> dict[str, Array]:
    made = {f"{scope}/{part}": _noise(channels) for part in ("beta", "moving_mean")}
    made[f"{scope}/moving_variance"] = np.abs(_noise(channels)) + np.float32(0.5)
    return made | ({f"{scope}/gamma": _noise(channels)} if scale else {})


def _cnn_variables() -> dict[str, Array]:
    """What the recipe's CNN of these sizes stores, an optimiser's leavings among it."""
    names = {"Variable": (5, 3, 1, 4), "Variable_1": (4,), "Variable_2": (4, 3, 4, 6), "Variable_3": (6,)}
    names |= {"W": (21 * 6 * 6, 7), "b": (7,), "Variable_4": (7, 9), "Variable_5": (9,)}
    names |= {"Variable_6": (9, 5), "Variable_7": (5,), "Variable/Adam": (5, 3, 1, 4), "global_step": ()}
    made = {name: _noise(*shape) for name, shape in names.items()}
    for scope, channels in (("bn1", 4), ("bn2", 6), ("bn3", 9)):
        made |= _norm(scope, channels, scale=True)
    return made


def _ds_cnn_variables(depth: str, point: str, depth_norm: str, point_norm: str) -> dict[str, Array]:
    """What the recipe's DS-CNN stores, without scales, under either generation of names."""
    made = {"DS-CNN/conv_1/weights": _noise(10, 4, 1, 8), "DS-CNN/conv_1/biases": _noise(8)}
    made |= _norm("DS-CNN/conv_1/batch_norm", 8, scale=False)
    for n, inside, outside in ((1, 8, 8), (2, 8, 12)):
        scope = f"DS-CNN/conv_ds_{n}"
        made |= {
            f"{scope}/{depth}/depthwise_weights": _noise(3, 3, inside, 1),
            f"{scope}/{depth}/biases": _noise(inside),
        }
        made |= {
            f"{scope}/{point}/weights": _noise(1, 1, inside, outside),
            f"{scope}/{point}/biases": _noise(outside),
        }
        made |= _norm(f"{scope}/{depth_norm}", inside, scale=False) | _norm(
            f"{scope}/{point_norm}", outside, scale=False
        )
    return made | {"DS-CNN/fc1/weights": _noise(12, 5), "DS-CNN/fc1/biases": _noise(5)}


def _conv(
    x: Array, w: Array, bias: Array, strides: tuple[int, int], *, same: bool, depthwise: bool = False
) -> Array:
    """Channels last, position by position, as the recipe's operators are defined."""
    kh, kw, inside, outside = w.shape
    size = [
        -(-n // s) if same else (n - k) // s + 1 for n, k, s in zip(x.shape, (kh, kw), strides, strict=False)
    ]
    total = [
        max((o - 1) * s + k - n, 0) for o, s, k, n in zip(size, strides, (kh, kw), x.shape, strict=False)
    ]
    x = np.pad(x, [(t // 2, t - t // 2) for t in total] + [(0, 0)]) if same else x
    y = np.zeros((*size, inside if depthwise else outside), np.float32)
    for i, j in np.ndindex(*size):
        window = x[i * strides[0] : i * strides[0] + kh, j * strides[1] : j * strides[1] + kw]
        y[i, j] = (window * w[..., 0]).sum((0, 1)) if depthwise else np.tensordot(window, w, 3)
    return y + bias


def _normed(x: Array, v: dict[str, Array], scope: str) -> Array:
    """Normalised with epsilon 1e-3, then ReLU."""
    scale = v.get(f"{scope}/gamma", np.float32(1))
    spread = np.sqrt(v[f"{scope}/moving_variance"] + 1e-3)
    return np.maximum((x - v[f"{scope}/moving_mean"]) / spread * scale + v[f"{scope}/beta"], 0)


def _agrees(variables: dict[str, Array], sizes: str, wanted: Array, x: Array) -> None:
    network = build(parse(sizes, classes=5))
    weights.load_strictly(network, kws_upstream.state_of(variables, network, HERE), HERE)
    with torch.no_grad():
        ours: Any = network.eval()(torch.from_numpy(x)[None, None])[0].numpy()
    assert np.abs(ours - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_the_recipes_cnn_computes_what_it_did() -> None:
    """Filters, the planes flattened channels last, and all that follows."""
    v, x = _cnn_variables(), _noise(49, 10)
    y = _normed(_conv(x[..., None], v["Variable"], v["Variable_1"], (1, 1), same=False), v, "bn1")
    y = _normed(_conv(y, v["Variable_2"], v["Variable_3"], (2, 1), same=False), v, "bn2")
    y = _normed((y.reshape(-1) @ v["W"] + v["b"]) @ v["Variable_4"] + v["Variable_5"], v, "bn3")
    _agrees(v, CNN, y @ v["Variable_6"] + v["Variable_7"], x)


@pytest.mark.parametrize(
    "names",
    [
        ("dw_conv", "pw_conv", "dw_conv/batch_norm", "pw_conv/batch_norm"),
        ("depthwise_conv", "pointwise_conv", "dw_batch_norm", "pw_batch_norm"),
    ],
    ids=["newer", "older"],
)
def test_the_recipes_ds_cnn_computes_what_it_did(names: tuple[str, str, str, str]) -> None:
    """Depthwise filters, padding as SAME, normalisations without scale, both generations of names."""
    v, x = _ds_cnn_variables(*names), _noise(49, 10)
    depth, point, depth_norm, point_norm = names
    y = _conv(x[..., None], v["DS-CNN/conv_1/weights"], v["DS-CNN/conv_1/biases"], (2, 2), same=True)
    y = _normed(y, v, "DS-CNN/conv_1/batch_norm")
    for n, strides in ((1, (1, 1)), (2, (2, 2))):
        scope = f"DS-CNN/conv_ds_{n}"
        w, b = v[f"{scope}/{depth}/depthwise_weights"], v[f"{scope}/{depth}/biases"]
        y = _normed(_conv(y, w, b, strides, same=True, depthwise=True), v, f"{scope}/{depth_norm}")
        w, b = v[f"{scope}/{point}/weights"], v[f"{scope}/{point}/biases"]
        y = _normed(_conv(y, w, b, (1, 1), same=True), v, f"{scope}/{point_norm}")
    _agrees(v, DS_CNN, y.mean((0, 1)) @ v["DS-CNN/fc1/weights"] + v["DS-CNN/fc1/biases"], x)


def test_weights_of_another_network_are_refused() -> None:
    """A variable too many, too few, or of another size: each is named."""
    network = build(parse(CNN, classes=5))
    with pytest.raises(ModelError, match="does not name, lstm/kernel the first"):
        kws_upstream.state_of(_cnn_variables() | {"lstm/kernel": _noise(3, 3)}, network, HERE)
    with pytest.raises(ModelError, match=r"Variable_4 is \[9, 7\]"):
        kws_upstream.state_of(_cnn_variables() | {"Variable_4": _noise(9, 7)}, network, HERE)
    fewer = {name: value for name, value in _cnn_variables().items() if name != "b"}
    with pytest.raises(ModelError, match=r"lacks linear\.bias"):
        weights.load_strictly(network, kws_upstream.state_of(fewer, network, HERE), HERE)


@pytest.mark.filterwarnings("ignore")
def test_a_folder_may_hold_the_recipes_checkpoint(tmp_path: Path) -> None:
    """`args.yml` and a TensorFlow checkpoint, read by TensorFlow, make the same source as a `chkpnt.pt`."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: the extra [tensorflow]")
    from deployer.folding.tf import write_variables

    (tmp_path / "args.yml").write_text(f"model_size_info: {CNN}\n")
    write_variables(_cnn_variables(), tmp_path / "cnn_9127.ckpt-14000")
    source = sources.load("kws", tmp_path)
    assert source.contract.outputs[0].shape == (1, 5)
    assert torch.equal(source.network.fc.bias, torch.from_numpy(_cnn_variables()["Variable_7"]))

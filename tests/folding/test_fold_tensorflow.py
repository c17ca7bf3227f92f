"""Folding TensorFlow checkpoints: by the graph's edges, with scale and epsilon, in both file formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.contract import Array
from board_runner.errors import ModelError, UsageError
from deployer.folding import fold, tf

tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: the extra [tensorflow]")
v1 = tensorflow.compat.v1
EPSILON = 1e-3


class Network:
    """Two convolutions, a depthwise one and a dense layer, each normalised; variables in an order of their own.

    `norms` False builds the graph for inference without normalisations, on the same variables.
    """

    def __init__(self, *, norms: bool = True, training: bool = False) -> None:
        self.norms, self.training = norms, training
        self.x = v1.placeholder(tensorflow.float32, [None, 12, 8, 2], name="x")
        # The dense layer's variables come first: a match by number would take them for the first convolution's.
        dense, dense_bias = self._variable(4 * 4 * 6, 5), self._variable(5)
        second, second_bias = self._variable(3, 3, 3, 6), self._variable(6)
        first, first_bias = self._variable(3, 3, 2, 3), self._variable(3)
        with v1.variable_scope("dw"):
            depth = v1.get_variable("weights", initializer=self._noise(3, 3, 6, 1))
        y = tensorflow.nn.relu(
            self._fused(tensorflow.nn.conv2d(self.x, first, 1, "SAME") + first_bias, 3, "bn1")
        )
        y = tensorflow.nn.bias_add(tensorflow.nn.conv2d(y, second, [1, 3, 2, 1], "SAME"), second_bias)
        y = tensorflow.nn.relu(self._fused(y, 6, "bn2", scale=False))
        y = tensorflow.nn.depthwise_conv2d(y, depth, [1, 1, 1, 1], "SAME")
        if not norms:
            y = y + v1.get_variable("dw/biases", initializer=self._noise(6))
        y = tensorflow.reshape(tensorflow.nn.relu(self._fused(y, 6, "bn3")), [-1, 4 * 4 * 6])
        self.y = tensorflow.identity(
            self._written_out(tensorflow.matmul(y, dense) + dense_bias, 5, "bn4"), "y"
        )

    def _noise(self, *shape: int) -> Array:
        rng = np.random.default_rng(list(shape))
        return rng.uniform(0.5, 1.5, shape).astype(np.float32) * rng.choice([-1, 1], shape).astype(np.float32)

    def _variable(self, *shape: int) -> Any:
        return v1.Variable(self._noise(*shape))

    def _constants(self, channels: int, name: str, scale: bool) -> tuple[Any, ...]:
        with v1.variable_scope(name):
            made = {
                part: v1.get_variable(part, initializer=np.abs(self._noise(channels)) + np.float32(shift))
                for part, shift in (("gamma", 0.5), ("beta", 0), ("moving_mean", 0), ("moving_variance", 2))
                if scale or part != "gamma"
            }
        gamma = made.get("gamma", tensorflow.ones(channels))
        return gamma, made["beta"], made["moving_mean"], made["moving_variance"]

    def _fused(self, x: Any, channels: int, name: str, scale: bool = True) -> Any:
        if not self.norms:
            return x
        gamma, beta, mean, variance = self._constants(channels, name, scale)
        with v1.name_scope(f"{name}/"):
            if self.training:
                return v1.nn.fused_batch_norm(x, gamma, beta, epsilon=EPSILON, is_training=True)[0]
            return v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, epsilon=EPSILON, is_training=False)[
                0
            ]

    def _written_out(self, x: Any, channels: int, name: str) -> Any:
        if not self.norms:
            return x
        gamma, beta, mean, variance = self._constants(channels, name, True)
        with v1.name_scope(f"{name}/"):
            if self.training:
                mean, variance = tensorflow.nn.moments(x, [0])
            return tensorflow.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)


def _save(
    folder: Path, build: Callable[[], Any], *, version: int = 2, resource: bool = False
) -> tuple[Path, Array]:
    """A checkpoint of what `build` makes, with its .meta, and what it gives for `_x`."""
    form = v1.train.SaverDef.V1 if version == 1 else v1.train.SaverDef.V2
    with v1.Graph().as_default(), v1.variable_scope("", use_resource=resource), v1.Session() as session:
        network = build()
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=form)
        path = Path(saver.save(session, str(folder / "net.ckpt-7"), write_meta_graph=True))
        y: Array = session.run(network.y, {network.x: _x()})
    return path, y


def _load(path: Path) -> Array:
    """What the graph without normalisations gives with the checkpoint at `path`."""
    with v1.Graph().as_default(), v1.Session() as session:
        network = Network(norms=False)
        v1.train.Saver().restore(session, str(path))
        y: Array = session.run(network.y, {network.x: _x()})
    return y


def _x() -> Array:
    return np.random.default_rng(2).standard_normal((3, 12, 8, 2)).astype(np.float32)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("version", "resource"), [(1, False), (2, False), (2, True)])
def test_the_graph_without_normalisations_gives_the_same(
    version: int, resource: bool, tmp_path: Path
) -> None:
    """Convolutions, a depthwise and a dense layer, with scale and without: written as `<ckpt>_bnfused`."""
    path, wanted = _save(tmp_path, Network, version=version, resource=resource)
    report = tf.fold_tensorflow(path)
    assert report.written == tmp_path / "net.ckpt-7_bnfused"
    assert [fold_.op_type for fold_ in report.folds] == [
        "Conv2D",
        "Conv2D",
        "DepthwiseConv2dNative",
        "MatMul",
    ]
    assert {round(fold_.epsilon, 6) for fold_ in report.folds} == {EPSILON}
    assert not report.failed
    assert np.abs(_load(report.written) - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.filterwarnings("ignore")
def test_a_graph_for_training_has_its_statistics_beside_the_shift(tmp_path: Path) -> None:
    """What a trainer saves normalises by each batch; the stored statistics are those of inference."""
    path, _ = _save(tmp_path, lambda: Network(training=True))
    trained = tf.fold_tensorflow(path)
    assert len(trained.folds) == 4
    other = tmp_path / "inference"
    other.mkdir()
    _, wanted = _save(other, Network)
    assert trained.written is not None
    assert np.abs(_load(trained.written) - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.filterwarnings("ignore")
def test_the_scale_counts(tmp_path: Path) -> None:
    """Without it, as a recipe has it that takes every scale for 1, the network is another."""
    path, wanted = _save(tmp_path, Network)
    reader = tensorflow.train.load_checkpoint(str(path))
    state = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    state |= {name: np.ones_like(value) for name, value in state.items() if name.endswith("gamma")}
    plain = tmp_path / "plain"
    tf.write_variables(state, plain)
    report = tf.fold_tensorflow(plain, graph=path.with_name(f"{path.name}.meta"))
    assert report.written is not None
    assert np.abs(_load(report.written) - wanted).max() > 0.1 * np.abs(wanted).max()


@pytest.mark.filterwarnings("ignore")
def test_folding_twice_is_refused(tmp_path: Path) -> None:
    """By the name, and under any name by the variables that are gone."""
    path, _ = _save(tmp_path, Network)
    written = fold.fold_any(path).written
    assert written is not None
    with pytest.raises(ModelError, match="was folded before"):
        tf.fold_tensorflow(written)
    for part in tmp_path.glob("net.ckpt-7_bnfused.*"):
        part.rename(part.with_name(part.name.replace("_bnfused", "-again")))
    with pytest.raises(ModelError, match=r"has no bn.*folded before"):
        tf.fold_tensorflow(tmp_path / "net.ckpt-7-again", graph=path.with_name(f"{path.name}.meta"))


class AfterRelu:
    """A normalisation after a ReLU, and a convolution that something else reads too."""

    def __init__(self) -> None:
        self.x = v1.placeholder(tensorflow.float32, [None, 12, 8, 2])
        w = v1.Variable(np.ones((3, 3, 2, 2), np.float32))
        constants = [v1.get_variable(n, initializer=np.ones(2, np.float32)) for n in "abcd"]
        y = tensorflow.nn.conv2d(self.x, w, 1, "SAME", name="conv")
        one = v1.nn.fused_batch_norm(tensorflow.nn.relu(y), *constants, is_training=False, name="one")[0]
        self.y = one + v1.nn.fused_batch_norm(y, *constants, is_training=False, name="two")[0]


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_folded_is_named_with_the_reason(tmp_path: Path) -> None:
    """After a ReLU, or where another node reads the layer: nothing is written."""
    path, _ = _save(tmp_path, AfterRelu)
    report = tf.fold_tensorflow(path)
    reasons = {left.norm: left.reason for left in report.left}
    assert "comes after Relu" in reasons["one"]
    assert "the output of conv is shared: Relu" in reasons["two"]
    assert (report.folds, report.written) == ((), None)


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_without_its_graph_is_refused(tmp_path: Path) -> None:
    """Nothing is guessed from the numbers in names."""
    path, _ = _save(tmp_path, Network)
    path.with_name(f"{path.name}.meta").unlink()
    with pytest.raises(ModelError, match="no graph"):
        tf.fold_tensorflow(path)
    with pytest.raises((ModelError, UsageError)):
        tf.fold_tensorflow(tmp_path / "nowhere")

"""The network and its checkpoints: sizes, strict loading, and files that mean harm."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'sgs-deploy[export]'")

from board_runner.errors import ModelError  # noqa: E402
from deployer.errors import MissingArtifact  # noqa: E402
from deployer.export import checkpoint  # noqa: E402
from deployer.export.eat import Blur, Eat, EatShape  # noqa: E402

pytestmark = pytest.mark.torch
Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [(EatShape(), 5_183_618), (EatShape(nf=8, width=64), 1_448_410)],
    ids=["S", "shipped"],
)
def test_the_network_has_as_many_parameters_as_the_original(shape: EatShape, parameters: int) -> None:
    """Neither a layer too many nor a bias too few, in EAT-S and in the shipped size."""
    assert sum(value.numel() for value in Eat(shape).parameters()) == parameters


def test_the_blur_keeps_a_constant_and_is_symmetric() -> None:
    """The fixed filter passes direct current unchanged: its taps are a triangle of sum 1."""
    blur = Blur(3, 4)
    assert (blur.filt[0, 0] * 25).round().tolist() == [1, 2, 3, 4, 5, 4, 3, 2, 1]
    assert torch.allclose(blur(torch.full((1, 3, 64), 0.5)), torch.full((1, 3, 16), 0.5))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"factors": (3, 4)}, "each must be even"),
        ({"samples": 114689}, "not a multiple of its reduction"),
        ({"samples": 1024}, "too short to pad"),
        ({"heads": 7}, "not a multiple of its 7 heads"),
        ({"layers": 0}, "at least 1"),
        ({"classes": 1}, "nothing to decide"),
    ],
)
def test_sizes_that_make_no_network_are_refused(change: dict[str, Any], fault: str) -> None:
    """An impossible size is named before PyTorch trips over it."""
    with pytest.raises(ModelError, match=fault):
        Eat(EatShape(**change))


def test_a_checkpoint_loads_with_its_weights(checkpoint_of: Write, small_state: dict[str, Any]) -> None:
    """Every tensor of the state dict ends up in the network, in evaluation mode."""
    loaded = checkpoint.load(checkpoint_of({"model_dict": small_state, "epoch": 3, "acc": 0.5}))
    for name, value in loaded.network.state_dict().items():
        assert torch.equal(value, small_state[name]), name
    assert loaded.sample_rate_hz == 22050
    assert not loaded.network.training


def test_prefixes_of_parallel_training_are_dropped(checkpoint_of: Write, small_state: dict[str, Any]) -> None:
    """`module.` before every name, once or twice, changes nothing."""
    twice = {f"module.module.{name}": value for name, value in small_state.items()}
    loaded = checkpoint.load(checkpoint_of({"model_dict": twice}))
    assert torch.equal(loaded.network.project.weight, small_state["project.weight"])


def test_nested_settings_are_found(checkpoint_of: Write, small_state: dict[str, Any], settings: Any) -> None:
    """Sizes may stand in nested mappings, tagged or not, as newer trainers write them."""
    nested = "trainer: !!python/object/new:argparse.Namespace\n  state:\n    net:\n" + "".join(
        f"      {line}\n" for line in settings().splitlines()[1:]
    )
    assert checkpoint.load(checkpoint_of(small_state, nested)).network.shape.samples == 512


def test_sizes_the_settings_lack_are_read_off_the_weights(
    checkpoint_of: Write, small_state: dict[str, Any], settings: Any
) -> None:
    """Settings without class count and feed-forward width, as the trainer's default leaves them, suffice."""
    text = settings(n_classes=None, dim_feedforward=None)
    shape = checkpoint.load(checkpoint_of(small_state, text)).network.shape
    assert (shape.classes, shape.feed_forward) == (6, 24)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seq_len": None}, "no seq_len"),
        ({"nf": "many"}, "nf is 'many'"),
        ({"nf": True}, "nf is True"),
        ({"ds_factors": 4}, "ds_factors is 4"),
        ({"emb_dim": 32}, r"project.weight \[16, 64, 1\] for \[32, 64, 1\]"),
        ({"n_layers": 3}, "lacks tf.transformer_enc.layers.2"),
        ({"n_layers": 1}, "holds foreign tf.transformer_enc.layers.1"),
        ({"model_type": "ResNet"}, "model_type is 'ResNet'"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    checkpoint_of: Write, small_state: dict[str, Any], settings: Any, change: dict[str, Any], fault: str
) -> None:
    """Each wrong or missing size ends in one message that names it."""
    text = settings(**change)
    if "model_type" in change:
        text = text.replace("model_type: SoundNetRaw\n", "")
    with pytest.raises(ModelError, match=fault):
        checkpoint.load(checkpoint_of({"model_dict": small_state}, text))


def test_weights_that_are_not_finite_are_refused(checkpoint_of: Write, small_state: dict[str, Any]) -> None:
    """A run that diverged is not exported."""
    small_state["tf.fc.bias"][2] = float("nan")
    with pytest.raises(ModelError, match=r"not finite in tf\.fc\.bias"):
        checkpoint.load(checkpoint_of({"model_dict": small_state}))


@pytest.mark.parametrize("content", [{"epoch": 3}, {"model_dict": {}}, [1, 2], {"model_dict": {"a": 1}}])
def test_files_without_weights_are_refused(checkpoint_of: Write, content: Any) -> None:
    """A pickle of something else is told from a checkpoint."""
    with pytest.raises(ModelError, match=r"no network weights|wants a dict"):
        checkpoint.load(checkpoint_of(content))


def test_a_damaged_file_is_refused(checkpoint_of: Write, small_state: dict[str, Any]) -> None:
    """A download cut short ends in a message, whatever PyTorch makes of it."""
    folder = checkpoint_of({"model_dict": small_state})
    for content in ((folder / "chkpnt.pt").read_bytes()[:5000], b"", b"no pickle at all"):
        (folder / "chkpnt.pt").write_bytes(content)
        with pytest.raises(ModelError, match=r"chkpnt\.pt"):
            checkpoint.load(folder)


def test_what_is_missing_is_named(checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path) -> None:
    """No folder, no settings, no weights: each a message with the path."""
    with pytest.raises(MissingArtifact, match=r"nowhere"):
        checkpoint.load(tmp_path / "nowhere")
    folder = checkpoint_of({"model_dict": small_state})
    (folder / "chkpnt.pt").unlink()
    with pytest.raises(MissingArtifact, match=r"chkpnt\.pt"):
        checkpoint.load(folder)


class Harmful:
    """Unpickled by a careless reader, makes the folder `made`."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.made),))


def test_code_in_a_checkpoint_is_not_run(
    checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path
) -> None:
    """A pickle that calls something is refused and has called nothing."""
    folder = checkpoint_of({"model_dict": small_state, "extra": Harmful(tmp_path / "made")})
    with pytest.raises(ModelError, match="more than weights"):
        checkpoint.load(folder)
    assert not (tmp_path / "made").exists()


def test_code_in_settings_is_not_run(
    checkpoint_of: Write, small_state: dict[str, Any], settings: Any, tmp_path: Path
) -> None:
    """A tag that calls something is plain data here."""
    text = settings() + f"extra: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n"
    checkpoint.load(checkpoint_of({"model_dict": small_state}, text))
    assert not (tmp_path / "made").exists()


def test_paths_and_namespaces_beside_the_weights_do_no_harm(
    checkpoint_of: Write, small_state: dict[str, Any]
) -> None:
    """Trainers save their arguments with the weights; these are read past, not built."""
    extra = {"args": argparse.Namespace(out=PosixPath("a/b"), nf=4), "acc": np.float64(0.5)}
    loaded = checkpoint.load(checkpoint_of({"model_dict": small_state, **extra}))
    assert torch.equal(loaded.network.tf.fc.bias, small_state["tf.fc.bias"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- 1\n", "holds no settings"),
        ("a: [1\n", "damaged YAML"),
        ("x: {nf: 4}\ny: {nf: 8}\n", "given twice"),
        ("x: &x\n  y: *x\n", "no nf"),
        ("!!python/object:a.B\nx: &x\n  y: *x\n", "recursive"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(
    checkpoint_of: Write, small_state: dict[str, Any], text: str, fault: str
) -> None:
    """A list, a torn file, two answers to one question: each a message, never a guess."""
    with pytest.raises(ModelError, match=fault):
        checkpoint.load(checkpoint_of({"model_dict": small_state}, text))


def test_settings_that_multiply_by_aliases_end(
    checkpoint_of: Write, small_state: dict[str, Any], settings: Any
) -> None:
    """Sixty levels of two aliases each, a trillion paths and more, are searched once each."""
    levels = ["l0: &l0 {end: 1}"] + [f"l{n}: &l{n} {{x: *l{n - 1}, y: *l{n - 1}}}" for n in range(1, 60)]
    text = settings(n_classes=None) + "\n".join(levels) + "\n"
    assert checkpoint.load(checkpoint_of({"model_dict": small_state}, text)).network.shape.classes == 6

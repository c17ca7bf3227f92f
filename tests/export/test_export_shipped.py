"""The shipped model, clips, golden logits and labels fit one another; PyTorch is not needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import soundfile

from board_runner.contract import METADATA_KEY, InputContract
from deployer import resources

DATA = resources.data_dir()
CLIPS = sorted((DATA / "clips").glob("*.wav"))


def _input(path: Path) -> npt.NDArray[np.float32]:
    """EAT's front end, written here a second time on purpose."""
    pcm, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 22050
    x = pcm.astype(np.float32) / np.float32(32768)
    x = np.float32(0.95) * x / np.max(np.abs(x))
    images = np.zeros((1, 1, 114688), np.float32)
    images[0, 0, : x.size] = x
    return images


def test_the_shipped_model_gives_the_golden_logits() -> None:
    """Export, clips and front end together give the logits of the network that was trained, within 1e-4."""
    ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    session = ort.InferenceSession(str(DATA / "eat.onnx"), providers=["CPUExecutionProvider"])
    golden = np.load(DATA / "golden_logits.npz")
    assert len(golden["names"]) == 10
    for name, expected in zip(golden["names"], golden["logits"], strict=True):
        [[logits]] = session.run(["output"], {"images": _input(DATA / "clips" / str(name))})
        assert np.abs(logits - expected).max() < 1e-4, name


def test_golden_names_and_targets_are_those_of_the_clips() -> None:
    """One clip of each trained class, its target the last field of its name."""
    golden = np.load(DATA / "golden_logits.npz")
    assert sorted(map(str, golden["names"])) == [path.name for path in CLIPS]
    by_name = [int(str(name).removesuffix("_22.05k.wav").split("-")[-1]) for name in golden["names"]]
    assert list(golden["targets"]) == by_name == [0, 1, 10, 11, 12, 20, 21, 38, 40, 41]


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.name)
def test_a_clip_is_exactly_what_the_board_program_takes(path: Path) -> None:
    """22.05 kHz, 16 bit, mono, at most five seconds, of fold 5, and with its author named."""
    info = soundfile.info(str(path))
    assert (info.samplerate, info.subtype, info.channels, info.format) == (22050, "PCM_16", 1, "WAV")
    assert 0 < info.frames <= 110250
    assert path.name.startswith("5-")
    assert f"`{path.name}`" in (DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")


def test_the_shipped_model_says_what_it_expects() -> None:
    """The contract in the model is that of its graph, at opset 13."""
    model = onnx.load(DATA / "eat.onnx")
    [text] = [prop.value for prop in model.metadata_props if prop.key == METADATA_KEY]
    contract = InputContract.from_json(text)
    assert (contract.model, contract.sample_rate_hz) == ("eat", 22050)
    assert contract.front_end == {"samples": 114688, "peak": 0.95}
    for value, spec in zip(
        (*model.graph.input, *model.graph.output), (*contract.inputs, *contract.outputs), strict=True
    ):
        assert value.name == spec.name
        assert tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) == spec.shape
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 13}


def test_the_labels_are_the_fifty_of_the_data_set_in_order() -> None:
    """A class id finds its name: the vendor's 32 and both ends of the list."""
    labels = (resources.configs_dir() / "labels" / "esc50.txt").read_text(encoding="utf-8").splitlines()
    assert len(labels) == len(set(labels)) == 50
    assert (labels[0], labels[32], labels[49]) == ("dog", "keyboard_typing", "hand_saw")

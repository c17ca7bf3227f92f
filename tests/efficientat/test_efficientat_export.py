"""`deploy export --model efficientat`: both kinds verified, the accuracy gate, faults of exports from elsewhere."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.models import efficientat
from deployer import cli
from deployer.errors import ConfigError
from deployer.export import accuracy_gate
from tests.efficientat.networks import random_network, write

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxsim", reason="onnxsim is not installed")
pytestmark = pytest.mark.torch


def _mel(seed: int = 2) -> np.ndarray:
    samples = np.random.default_rng(seed).uniform(-1, 1, 64000).astype(np.float32)
    [chunk] = efficientat.chunks(samples, efficientat.contract())
    return np.asarray(chunk["mel"])


@pytest.mark.parametrize("name", ["mn05", "dymn05"])
def test_an_export_computes_what_the_network_does(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All checks pass, both outputs have names, no weight is computed at run time, three engines agree."""
    from deployer.export import sources

    folder, out = write(tmp_path / name, name), tmp_path / "out"
    words = [
        "export",
        "--model",
        "efficientat",
        "--checkpoint",
        str(folder),
        "--out",
        str(out),
        "--json",
        "-q",
    ]
    assert cli.execute(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"]
    names = [check["name"] for check in report["checks"]]
    assert "efficientat_sim.onnx agrees with the network" in names
    assert "constant convolution weights" in names
    engine = FloatEngine.load(out / "efficientat_sim.onnx")
    assert [(spec.name, spec.shape) for spec in engine.inputs] == [("mel", (1, 1, 128, 200))]
    assert [(spec.name, spec.shape) for spec in engine.outputs] == [
        ("logits", (1, 20)),
        ("features", (1, 480)),
    ]
    assert engine.graph.contract == sources.load("efficientat", folder).contract
    mel = _mel()
    with torch.no_grad():
        wanted = random_network(name)(torch.from_numpy(mel))
    for key, value in zip(("logits", "features"), wanted, strict=True):
        assert np.abs(engine.run({"mel": mel})[key] - value.numpy()).max() < 1e-5


def test_the_gate_is_half_a_percent_of_the_clips() -> None:
    """1 of 200 passes, 2 of 200 fail; equal accuracies pass however many answers differ, which is told."""
    truth = [0] * 200
    one, two = [1, *truth[1:]], [1, 1, *truth[2:]]
    assert accuracy_gate.compare(truth, one, truth).passed
    failed = accuracy_gate.compare(truth, two, truth)
    assert not failed.passed
    assert "ACC1 100.00%, ACC2 99.00% of 200 clips" in failed.check().detail
    swapped = accuracy_gate.compare([1, *truth[1:]], [*truth[1:], 1], truth)
    assert swapped.passed
    assert swapped.answered_differently == 2
    assert "fewer than 200 clips" in accuracy_gate.compare([0], [0], [0]).detail
    with pytest.raises(ModelError, match="0 labels"):
        accuracy_gate.compare([], [], [])
    with pytest.raises(ModelError, match="2 labels, 1 and 2 answers"):
        accuracy_gate.compare([0], [0, 0], [0, 0])


def test_labelled_clips_count_in_the_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--accuracy DIR` runs both sides over the folder and adds its row; a class without a label is refused."""
    rng = np.random.default_rng(4)
    for name in ("dog", "rain"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        for i in range(2):
            clip = rng.uniform(-0.5, 0.5, 40000)
            soundfile.write(tmp_path / "clips" / name / f"{i}.wav", clip, 32000, subtype="PCM_16")
    folder = write(tmp_path / "mn05", "mn05", 50)
    words = ["export", "--model", "efficientat", "--checkpoint", str(folder), "--out", str(tmp_path / "o")]
    assert cli.execute([*words, "--accuracy", str(tmp_path / "clips"), "--json", "-q"]) == 0
    [row] = [c for c in json.loads(capsys.readouterr().out)["checks"] if c["name"].startswith("accuracy")]
    assert "of 4 clips" in row["detail"]
    assert "0 answered differently" in row["detail"]
    with pytest.raises(ConfigError, match="no class is called 'rain'"):
        accuracy_gate.labelled(tmp_path / "clips", ["dog"])
    with pytest.raises(ConfigError, match="no wavs"):
        accuracy_gate.labelled(tmp_path / "none", ["dog"])


class _Squeezed(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A network that drops the batch axis when it is 1, as traced: wrong for any other batch."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = random_network("mn05")

    def forward(self, mel: Any) -> Any:
        logits, features = self.inner(mel)
        logits = logits.squeeze()
        return (logits.unsqueeze(0) if logits.dim() == 1 else logits), features


class _Pooled(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A mean written as a pooling of the size that the planes happened to have."""

    def forward(self, mel: Any) -> Any:
        features = torch.nn.functional.avg_pool2d(mel, (128, 200)).reshape(-1, 1)
        return features.repeat(1, 20), features


class _Adaptive(torch.nn.Module):  # type: ignore[misc, name-defined]
    """An adaptive pooling that keeps one axis, which a dynamic shape leaves without a size."""

    def forward(self, mel: Any) -> Any:
        return torch.nn.functional.adaptive_avg_pool2d(mel, (None, 1))


def _traced(network: Any, path: Path, outputs: list[str], axes: dict[int, str]) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 1, 128, 200),),
            path,
            opset_version=13,
            dynamo=False,
            input_names=["input_values"],
            output_names=outputs,
            dynamic_axes={"input_values": axes} if axes else None,
        )
    return path


def _faults(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """`deploy export --examine`: what failed, and why."""
    code = cli.execute(["export", "--model", "efficientat", "--examine", str(path), "--json", "-q"])
    failed = {
        c["name"]: c["detail"] for c in json.loads(capsys.readouterr().out)["checks"] if not c["passed"]
    }
    assert (code != 0) == bool(failed)
    return failed


def test_a_wrong_dynamic_axis_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Axis 2 called time: it holds mel channels. One output name for two outputs: said as well."""
    path = _traced(
        random_network("mn05"), tmp_path / "a.onnx", ["logits"], {0: "batch_size", 2: "time_steps"}
    )
    failed = _faults(path, capsys)
    assert "axis 2 is dynamic as 'time_steps', but holds the 128 mel channels; time is axis 3" in "".join(
        failed.values()
    )
    assert "wants logits, features" in failed["outputs named"]
    assert "batch of two" not in failed


def test_a_squeeze_traced_at_batch_one_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its declared batch axis gives shapes that nobody asked for."""
    path = _traced(_Squeezed(), tmp_path / "a.onnx", ["logits", "features"], {0: "batch"})
    assert "a squeeze was traced with a batch of 1" in _faults(path, capsys)["batch of two"]


def test_poolings_of_fixed_size_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dynamic time axis before a fixed pooling; and an adaptive one, which does not export, with its cure."""
    from deployer.export import traps

    path = _traced(_Pooled(), tmp_path / "a.onnx", ["logits", "features"], {3: "time"})
    assert "what comes after frame 200 changes nothing" in _faults(path, capsys)["other lengths"]
    with pytest.raises(Exception, match="adaptive pooling") as caught:
        _traced(_Adaptive(), tmp_path / "b.onnx", ["y"], {2: "mel", 3: "time"})
    assert "write it as a mean" in traps.cure(caught.value)


def test_our_own_network_has_none_of_these_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With batch and time both dynamic, the names right: nothing to refuse."""
    axes = {0: "batch", 3: "frames"}
    path = _traced(random_network("mn05"), tmp_path / "a.onnx", ["logits", "features"], axes)
    assert _faults(path, capsys) == {}


def test_runtime_weights_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DyMN exported as it was trained has convolutions that no converter takes; the rewritten one has not."""
    path = _traced(random_network("dymn05"), tmp_path / "a.onnx", ["logits", "features"], {})
    failed = _faults(path, capsys)
    assert list(failed) == ["constant convolution weights"]
    assert failed["constant convolution weights"].count("has weights computed at run time") == 44
    (tmp_path / "c.onnx").write_bytes(b"none")
    assert cli.execute(["export", "--model", "efficientat", "--examine", str(tmp_path / "c.onnx"), "-q"]) == 2

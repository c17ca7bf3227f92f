"""`deploy export` from end to end, on a small network with random weights."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'sgs-deploy[export]'")
pytest.importorskip("onnxsim", reason="onnxsim is not installed: pip install 'sgs-deploy[export]'")
ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from board_runner.contract import METADATA_KEY, InputContract  # noqa: E402
from board_runner.errors import InputError, UsageError  # noqa: E402
from deployer import export  # noqa: E402
from deployer.errors import CheckFailed  # noqa: E402
from deployer.events import Event, Finished, Started  # noqa: E402
from deployer.export import checkpoint  # noqa: E402
from deployer.export.onnx_export import export_model  # noqa: E402
from deployer.export.report import ExportReport  # noqa: E402

pytestmark = pytest.mark.torch
Write = Callable[..., Path]


def test_an_export_computes_what_the_network_does(
    checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path
) -> None:
    """Both files, run by ONNX Runtime on an input of the test's own, give PyTorch's logits."""
    folder = checkpoint_of({"model_dict": small_state})
    events: list[Event] = []
    report = export.run(folder, tmp_path / "out", events.append)
    assert isinstance(report, ExportReport)
    network = checkpoint.load(folder).network
    images = np.random.default_rng(11).standard_normal((1, 1, 512)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).numpy()
    for file in (report.model, report.simplified):
        session = ort.InferenceSession(str(file.path), providers=["CPUExecutionProvider"])
        [logits] = session.run(["output"], {"images": images})
        assert np.abs(logits - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)


def test_both_files_carry_the_contract_and_the_opset(
    checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path
) -> None:
    """`eat.onnx` and `eat_sim.onnx` say rate, names, sizes and front end, at the opset asked for."""
    out = tmp_path / "out"
    export_model(checkpoint_of({"model_dict": small_state}), out)
    for name in ("eat.onnx", "eat_sim.onnx"):
        model = onnx.load(out / name)
        [prop] = model.metadata_props
        contract = InputContract.from_json(prop.value)
        assert prop.key == METADATA_KEY
        assert contract.front_end == {"samples": 512, "peak": 0.95}
        assert [(spec.name, spec.shape) for spec in contract.inputs] == [("images", (1, 1, 512))]
        assert [(spec.name, spec.shape) for spec in contract.outputs] == [("output", (1, 6))]
        assert [entry.version for entry in model.opset_import] == [13]
    assert not list(out.glob("*.part"))


def test_the_report_lies_beside_the_model(
    checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path
) -> None:
    """JSON and Markdown hold every check, and what the call returned."""
    out = tmp_path / "out"
    report = export_model(checkpoint_of({"model_dict": small_state}), out)
    data = json.loads((out / "export_report.json").read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(report.as_data()))
    assert data["passed"] is True
    assert len(data["checks"]) == 17
    text = (out / "export_report.md").read_text(encoding="utf-8")
    assert text == report.as_text()
    assert all(f"| {check.name} | passed |" in text for check in report.checks)


def test_an_untrained_network_fails_after_the_report(
    checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path
) -> None:
    """Layers that are copies of one another fail a check: report there, earlier model untouched."""
    out = tmp_path / "out"
    export_model(checkpoint_of({"model_dict": small_state}), out)
    good = (out / "eat_sim.onnx").read_bytes()
    for name in small_state:
        if ".layers.1." in name:
            small_state[name] = small_state[name.replace(".layers.1.", ".layers.0.")]
    with pytest.raises(CheckFailed, match="checks failed"):
        export_model(checkpoint_of({"model_dict": small_state}), out)
    assert json.loads((out / "export_report.json").read_text(encoding="utf-8"))["passed"] is False
    assert "**FAILED**" in (out / "export_report.md").read_text(encoding="utf-8")
    assert (out / "rejected_eat_sim.onnx").is_file()
    assert (out / "eat_sim.onnx").read_bytes() == good


def test_recordings_are_compared_too(
    checkpoint_of: Write, small_state: dict[str, Any], tmp_path: Path
) -> None:
    """A clip given is among the inputs of the report; one of another rate is refused by name."""
    folder, clip = checkpoint_of({"model_dict": small_state}), tmp_path / "tone.wav"
    samples = np.sin(np.arange(3000) / 9).astype(np.float32)
    soundfile.write(clip, samples, 22050)
    assert "tone.wav" in export_model(folder, tmp_path / "out", clips=[clip]).inputs
    soundfile.write(clip, samples, 16000)
    with pytest.raises(InputError, match=r"tone\.wav: 16000 Hz"):
        export_model(folder, tmp_path / "out", clips=[clip])
    soundfile.write(clip, np.stack([samples, samples], axis=1), 22050)
    with pytest.raises(InputError, match=r"tone\.wav: the clip is not mono"):
        export_model(folder, tmp_path / "out", clips=[clip])
    clip.write_bytes(b"no audio")
    with pytest.raises(InputError, match=r"tone\.wav"):
        export_model(folder, tmp_path / "out", clips=[clip])


def test_without_pytorch_the_cure_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the extra is not installed, the hint is the command that installs it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="needs torch") as caught:
        export.run(tmp_path, tmp_path)
    assert caught.value.hint == "pip install 'sgs-deploy[export]'"

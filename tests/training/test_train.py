"""A network that learns, and the way from data over training to a verified export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from board_runner.errors import InputError, ModelError
from board_runner.models import efficientat, kws
from deployer import cli, training
from deployer.datasets import classes
from deployer.events import Event, Warned
from deployer.training import recipes
from deployer.training.settings import Limits, TrainSettings
from tests.training.conftest import TINY, write_tones

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="PyTorch is not installed")
CPU = Limits(device="cpu", jobs=2)
Tiny = Callable[..., TrainSettings]


def _options(settings: dict[str, Any]) -> list[str]:
    words = []
    for name, value in settings.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}", *map(str, values)]
    return words


def test_tones_are_learnt_and_the_network_exported(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command line: over 90 % of held-out tones, on clips that chose nothing too; the export is verified."""
    pytest.importorskip("onnxsim", reason="the ONNX tools are not installed")
    monkeypatch.chdir(tmp_path)
    told = TINY | {"batch_size": 8, "n_epochs": 18, "epoch_mix": 14}
    assert cli.execute(["train", str(tones), *_options(told), "--device", "cpu", "--json", "-q"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["finished"]
    assert report["val_accuracy"] > 0.9
    assert report["test_accuracy"] > 0.9
    assert report["test_clips"] == 20
    assert len((tmp_path / "outputs/r1/log.jsonl").read_text().splitlines()) == 18

    assert cli.execute(["export", "--checkpoint", "outputs/r1", "--out", "made", "--json", "-q"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert exported["parameters"] == report["parameters"]
    assert all(check["passed"] for check in exported["checks"])
    assert (tmp_path / "made" / "eat_sim.onnx").is_file()


@pytest.mark.parametrize(
    ("model", "rate_hz", "sizes"),
    [
        ("kws", 16000, {"model_size_info": "1 4 10 4 2 2"}),
        ("kws", 16000, {"model_size_info": "4 10 4 1 1 4 10 4 2 1 4 8"}),
        ("efficientat", 32000, {"model_name": "mn01", "samples": 3200}),
        ("efficientat", 32000, {"model_name": "dymn01", "samples": 3200}),
    ],
)
def test_the_others_go_through_the_same_loop(
    model: str, rate_hz: int, sizes: dict[str, Any], tmp_path: Path
) -> None:
    """An epoch apart, then mixed; what comes out is read as a checkpoint, with its labels, and goes on."""
    from deployer.export import sources

    source = write_tones(tmp_path / "source", rate_hz=rate_hz, clips=5, seconds=0.2)
    contract = {"kws": kws, "efficientat": efficientat}[model].contract()
    classes.make(source, tmp_path / "data", contract, shares=classes.shares_of("60,40,0"))
    told = recipes.settings(
        model, {**sizes, "n_epochs": 2, "batch_size": 6, "epoch_mix": 1, "mix_ratio": 1.0, "ema": 0.0}
    )
    folder = tmp_path / "r1"
    assert not training.run(tmp_path / "data", folder, told, limits=Limits(device="cpu", epochs=1)).finished
    report = training.run(tmp_path / "data", folder, told, limits=CPU)
    assert (report.finished, report.test_accuracy) == (True, None)
    read = sources.load(model, folder)
    assert read.parameters == report.parameters
    assert read.contract.outputs[0].shape == (1, 4)
    assert (folder / "labels.txt").read_text().split() == ["high", "low", "mid", "top"]


def test_a_training_begins_with_a_checkpoint(tones: Path, tiny: Tiny, tmp_path: Path) -> None:
    """Its weights and sizes are taken, and it is itself the best until something is better."""
    from deployer.training import network

    first = tmp_path / "first"
    training.run(tones, first, tiny(n_epochs=6), limits=CPU)
    sizes = network.sizes_of("eat", first)
    assert sizes == {name: TINY[name] for name in sizes if name != "sampling_rate"} | {"sampling_rate": 22050}
    onward = tiny(load_path=str(first), max_lr=1e-9, n_epochs=1, augs=(), mix_ratio=0.0, ema=0.9999)
    report = training.run(tones, tmp_path / "second", onward, limits=Limits(device="cpu", max_minutes=0))
    ours, theirs = (torch.load(place / "chkpnt.pt") for place in (tmp_path / "second", first))
    assert all(torch.equal(ours["model_dict"][name], value) for name, value in theirs["model_dict"].items())
    assert report.best_epoch == 0
    assert (report.val_accuracy, report.val_loss) == (theirs["val_accuracy"], theirs["val_loss"])


def test_a_checkpoint_of_other_classes_gives_all_but_its_last_layer(
    tones: Path, tiny: Tiny, tmp_path: Path
) -> None:
    """Two classes after four: a warning, and the layers before the last are the checkpoint's."""
    from deployer.training import network

    training.run(tones, tmp_path / "four", tiny(n_epochs=1), limits=CPU)
    source = write_tones(tmp_path / "source", rate_hz=22050, clips=4)
    for name in ("low", "mid"):
        for wav in (source / name).iterdir():
            wav.unlink()
    from board_runner.models import eat

    classes.make(source, tmp_path / "two", eat.contract(), shares=classes.shares_of("50,50,0"))
    told = tiny(load_path=str(tmp_path / "four"), n_epochs=1)
    started, is_whole = network.start(told, 2, tmp_path)
    theirs = torch.load(tmp_path / "four" / "chkpnt.pt")["model_dict"]
    same = {name: torch.equal(value, theirs[name]) for name, value in started.network.state_dict().items()}
    assert (is_whole, {name for name, is_same in same.items() if not is_same}) == (
        False,
        {"tf.fc.weight", "tf.fc.bias"},
    )
    events: list[Event] = []
    training.run(tmp_path / "two", tmp_path / "r1", told, limits=CPU, emit=events.append)
    assert any("knows other classes" in event.message for event in events if isinstance(event, Warned))
    with pytest.raises(ModelError, match="does not fit this network"):
        network.start(tiny(load_path=str(tmp_path / "four"), nf=6), 2, tmp_path)


def test_a_dropout_is_in_training_alone(tiny: Tiny, tmp_path: Path) -> None:
    """The transformer answers anew each time while it learns, and always the same afterwards."""
    from deployer.training import network

    started, _ = network.start(tiny(), 4, tmp_path)
    encoder = started.network.tf.transformer_enc
    tokens = torch.randn(2, 9, TINY["emb_dim"])
    assert not torch.equal(encoder.train()(tokens), encoder(tokens))
    assert torch.equal(encoder.eval()(tokens), encoder(tokens))


def test_data_of_another_rate_is_refused(tones: Path, tmp_path: Path) -> None:
    """Before anything is written, and with the command that helps."""
    told = recipes.settings("kws", {"n_epochs": 1})
    with pytest.raises(InputError, match="wavs at 22050 Hz, the network wants 16000 Hz") as caught:
        training.run(tones, tmp_path / "r1", told, limits=CPU)
    assert "--model kws" in caught.value.hint
    assert not (tmp_path / "r1").exists()

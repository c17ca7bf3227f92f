"""`deploy train`: the published command line as it stands, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_runner.errors import UsageError
from deployer import cli, prepare
from deployer.datasets.labelled import Clip, Manifest
from deployer.training import recipes
from deployer.training.settings import TrainSettings, folder_of

PUBLISHED = (
    "--max_lr 3e-4 --run_name r1 --emb_dim 128 --dataset esc50 --seq_len 114688 --mix_ratio 1 --epoch_mix 12 "
    "--mix_loss bce --batch_size 128 --n_epochs 3500 --ds_factors 4 4 4 4 --amp --save_path outputs"
)


@pytest.fixture
def esc50(tmp_path: Path) -> Path:
    """The least that `deploy prepare esc50` could leave: a clip to learn from and one to test."""
    place = tmp_path / "data"
    place.mkdir()
    clips = []
    for fold in (1, 2):
        (place / f"{fold}.wav").write_bytes(prepare.wav_bytes(np.arange(99, dtype=np.int16), 22050))
        clips.append(Clip(file=f"{fold}.wav", source=f"{fold}.wav", class_id=0, seconds=0.1, fold=fold))
    names = tuple(map(str, range(50)))
    Manifest(dataset="esc50", sample_rate_hz=22050, classes=names, clips=tuple(clips)).save(place)
    return place


@pytest.mark.torch
def test_the_published_command_line_is_what_the_defaults_are(
    esc50: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said in full or not at all it is one training: the second call goes on with the first one's state."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.chdir(tmp_path)
    short = ["--max-minutes", "0", "--device", "cpu", "--json", "-q"]
    assert cli.execute(["train", str(esc50), *PUBLISHED.split(), *short]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["parameters"], report["n_epochs"], report["stopped_by"]) == (
        5183618,
        3500,
        "--max-minutes",
    )
    told = json.loads(torch.load(tmp_path / "outputs/r1/state.pt")["told"])
    assert told.pop("data")
    plain = recipes.settings("eat", {}).as_data()
    assert told == plain
    assert (told["wd"], told["ema"], told["label_smoothing"], told["fold_id"]) == (1e-5, 0.995, 0.1, 1)
    assert cli.execute(["train", str(esc50), *short]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "classes"], "is esc50, not classes"),
        (["--model", "kws", "--nf", "8"], "kws has no size 'nf'"),
        (["--ds-factors", "4", "x"], "Got unexpected extra argument"),
        (["--ds-factors", "4,x"], "--ds-factors '4,x': wants whole numbers"),
        (["--augs-mix", "cutout"], "eat has no mixing 'cutout'"),
        (["--ema", "1.5"], "ema is 1.5, wants 0 to"),
        (["--val-fold", "1"], "val_fold and fold_id are both 1"),
        (["--run-name", "../r1"], "run name '../r1'"),
    ],
)
def test_what_fits_no_training_is_refused(
    words: list[str],
    said: str,
    esc50: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, one line that names it, nothing written."""
    monkeypatch.chdir(tmp_path)
    assert cli.execute(["train", str(esc50), *words, "-q"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.torch
def test_unknown_words_are_refused_with_what_is_known(
    esc50: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An augmentation we do not have, and a GPU where there is none."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.chdir(tmp_path)
    assert cli.execute(["train", str(esc50), "--augs", "amp,reverb", "-q"]) == 2
    assert "no augmentation 'reverb'" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert cli.execute(["train", str(esc50), "--device", "cuda", "-q"]) == 2
        assert "PyTorch finds no GPU" in capsys.readouterr().err


@pytest.mark.parametrize("model", recipes.RECIPES)
def test_every_model_has_settings_that_hold(model: str) -> None:
    """Its own defaults pass the checks, and what is given stands in their place."""
    told = recipes.settings(model, {"seed": 7})
    assert (told.model, told.seed) == (model, 7)
    assert set(told.sizes) == set(recipes.of(model).sizes)


@pytest.mark.parametrize(
    "change", [{"max_lr": 0.0}, {"n_epochs": 0}, {"mix_ratio": 1.1}, {"seed": -1}, {"wd": float("nan")}]
)
def test_values_out_of_range_are_refused(change: dict[str, Any], tiny: Callable[..., TrainSettings]) -> None:
    """By the name they are given under."""
    with pytest.raises(UsageError, match=next(iter(change))):
        tiny(**change)
    with pytest.raises(UsageError, match="run name"):
        folder_of(Path("outputs"), "a/b")

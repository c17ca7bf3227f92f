"""Which clip is learnt from and which is not; batches by their formulas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from board_runner import audio
from board_runner.errors import InputError
from board_runner.models import eat
from deployer import prepare
from deployer.datasets.labelled import Clip, Manifest
from deployer.training import examples, recipes
from deployer.training.batches import Batches
from deployer.training.settings import TrainSettings

Tiny = Callable[..., TrainSettings]


@pytest.fixture
def folded(tmp_path: Path) -> Path:
    """Ten clips in five folds, as `deploy prepare esc50` leaves them."""
    clips = []
    for number in range(10):
        name = f"{number}.wav"
        (tmp_path / name).write_bytes(prepare.wav_bytes(np.full(9, number, np.int16), 22050))
        clips.append(Clip(file=name, source=name, class_id=number % 2, seconds=0.1, fold=1 + number % 5))
    Manifest(dataset="esc50", sample_rate_hz=22050, classes=("a", "b"), clips=tuple(clips)).save(tmp_path)
    return tmp_path


def _names(side: tuple[examples.Example, ...]) -> set[str]:
    return {example.path.stem for example in side}


def test_a_fold_is_held_out(folded: Path, tiny: Tiny) -> None:
    """The published way: the test fold also chooses; with a fold of its own for that, it does not."""
    known = examples.load(folded, tiny(fold_id=2))
    assert (_names(known.val), known.test, len(known.train)) == ({"1", "6"}, (), 8)
    assert "which is also what is reported" in known.chosen_on
    known = examples.load(folded, tiny(fold_id=2, val_fold=5))
    assert (_names(known.val), _names(known.test), len(known.train)) == ({"4", "9"}, {"1", "6"}, 6)
    assert _names(known.train).isdisjoint({"1", "4", "6", "9"})
    assert known.counts == [3, 3]


def test_splits_are_taken_as_they_are(tones: Path, tiny: Tiny) -> None:
    """No clip is on two sides."""
    known = examples.load(tones, tiny())
    sides = [{example.path for example in side} for side in (known.train, known.val, known.test)]
    assert [len(side) for side in sides] == [56, 20, 20]
    assert len(set.union(*sides)) == 96


def test_data_that_is_not_all_there_is_refused(folded: Path, tiny: Tiny) -> None:
    """A fold that does not exist, and a wav that is gone."""
    with pytest.raises(InputError, match="no fold 6; it has 1, 2, 3, 4, 5"):
        examples.load(folded, tiny(fold_id=6))
    (folded / "3.wav").unlink()
    with pytest.raises(InputError, match=r"1 wavs are gone, 3\.wav the first"):
        examples.load(folded, tiny())


def _batches(tones: Path, settings: TrainSettings) -> tuple[Batches, examples.Examples]:
    known = examples.load(tones, settings)
    contract = eat.contract()
    spec = contract.inputs[0]
    contract = type(contract)(
        model="eat",
        sample_rate_hz=22050,
        inputs=(type(spec)(name="images", dtype="float32", shape=(1, 1, 512)),),
        outputs=contract.outputs,
        front_end={"peak": eat.PEAK, "samples": 512},
    )
    recipe = recipes.of("eat")
    return Batches(recipe=recipe, settings=settings, contract=contract, train=known.train, jobs=2), known


def test_held_out_clips_are_heard_as_the_board_hears_them(tones: Path, tiny: Tiny) -> None:
    """The deployed front end's own tensors, every clip once, in order, the last batch as small as it is."""
    batches, known = _batches(tones, tiny())
    made = list(batches.plain(known.val))
    assert [len(truth) for _, truth in made] == [16, 4]
    inputs, truth = (np.concatenate(parts) for parts in zip(*made, strict=True))
    assert truth.tolist() == [example.class_id for example in known.val]
    for row, example in zip(inputs, known.val, strict=True):
        (expected,) = eat.chunks(audio.require(audio.read_wav(example.path), 22050), batches.contract)
        assert np.array_equal(row[None], expected["images"])


def test_an_epoch_takes_each_clip_once_in_an_order_of_its_own(tones: Path, tiny: Tiny) -> None:
    """Whole batches alone; the same epoch twice is the same, from the middle too; another epoch is another."""
    batches, known = _batches(tones, tiny())
    assert batches.steps == 3
    first = list(batches.training(0))
    assert [inputs.shape for inputs, _ in first] == [(16, 1, 512)] * 3
    rest = list(batches.training(0, 1))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first[1:], rest, strict=True))
    assert not np.array_equal(next(batches.training(1))[0], first[0][0])
    everything, _ = _batches(tones, tiny(batch_size=len(known.train), augs=()))
    ((inputs, truth),) = everything.training(5)
    assert sorted(truth) == sorted(example.class_id for example in known.train)
    assert len(np.unique(inputs[:, 0], axis=0)) == len(known.train)


def test_an_augmented_clip_keeps_what_is_not_augmented(tones: Path, tiny: Tiny) -> None:
    """Without augmentations a short clip is the deployed front end's; with a negated one, its negative."""
    batches, known = _batches(tones, tiny(augs=()))
    samples = audio.require(audio.read_wav(known.train[0].path), 22050)[:400]
    (expected,) = eat.chunks(samples, batches.contract)
    assert np.array_equal(batches.augmented(samples, np.random.default_rng(0)), expected["images"])
    negated, _ = _batches(tones, tiny(augs=("neg",)))
    drawn = [negated.augmented(samples, np.random.default_rng(seed)) for seed in range(20)]
    signs = {float(np.sign((one * expected["images"]).sum())) for one in drawn}
    assert signs == {-1.0, 1.0}

"""Which clips a training learns from, which choose the best network, and which test it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import InputError
from deployer.datasets import labelled, stored
from deployer.datasets.labelled import Clip, Manifest
from deployer.training.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Example:
    """One wav and its class."""

    path: Path
    class_id: int


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A prepared data set as a training takes it. `test` is empty where `val` is all that is held out.

    `digest` is that of the manifest: another data set has another one.
    """

    dataset: str
    classes: tuple[str, ...]
    sample_rate_hz: int
    train: tuple[Example, ...]
    val: tuple[Example, ...]
    test: tuple[Example, ...]
    chosen_on: str
    digest: str

    @property
    def counts(self) -> list[int]:
        """Training clips of each class."""
        found = Counter(example.class_id for example in self.train)
        return [found[number] for number in range(len(self.classes))]


def load(data: Path, settings: TrainSettings) -> Examples:
    """The examples of a manifest, or of that in a folder, by its splits or by the folds that `settings` name.

    Raises MissingArtifact or InputError: no manifest, wavs that are gone, nothing to learn from or to choose by.
    """
    manifest = labelled.load(data)
    place = data if data.is_dir() else data.parent
    file = place / stored.NAME if data.is_dir() else data
    missing = [clip.file for clip in manifest.clips if not (place / clip.file).is_file()]
    if missing:
        raise InputError(
            f"{file}: {len(missing)} wavs are gone, {missing[0]} the first", hint="run `deploy prepare` again"
        )
    train, val, test, chosen_on = _sides(manifest, settings, file)
    for name, side in (("to learn from", train), ("to choose the best network by", val)):
        if not side:
            raise InputError(f"{file}: no clips {name}", hint="more clips, other shares, or another fold")
    return Examples(
        dataset=manifest.dataset,
        classes=manifest.classes,
        sample_rate_hz=manifest.sample_rate_hz,
        train=_examples(train, place),
        val=_examples(val, place),
        test=_examples(test, place),
        chosen_on=chosen_on,
        digest=hashlib.sha256(file.read_bytes()).hexdigest(),
    )


def _sides(
    manifest: Manifest, settings: TrainSettings, file: Path
) -> tuple[list[Clip], list[Clip], list[Clip], str]:
    """Clips for training, choosing and testing, and in words what is chosen by."""
    clips = manifest.clips
    if not any(clip.fold for clip in clips):
        sides = [[clip for clip in clips if clip.split == split] for split in labelled.SPLITS]
        return sides[0], sides[1], sides[2], "the val split"
    folds = sorted({clip.fold for clip in clips if clip.fold})
    test_fold, val_fold = settings.fold_id, settings.val_fold
    for fold in (test_fold, val_fold):
        if fold is not None and fold not in folds:
            raise InputError(f"{file}: no fold {fold}; it has {', '.join(map(str, folds))}")
    held_out = _where(clips, lambda clip: clip.fold == test_fold)
    train = _where(clips, lambda clip: clip.fold not in (test_fold, val_fold))
    if val_fold is None:
        return train, held_out, [], f"fold {test_fold}, which is also what is reported"
    return train, _where(clips, lambda clip: clip.fold == val_fold), held_out, f"fold {val_fold}"


def _where(clips: Sequence[Clip], wanted: Callable[[Clip], bool]) -> list[Clip]:
    return [clip for clip in clips if wanted(clip)]


def _examples(clips: Sequence[Clip], place: Path) -> tuple[Example, ...]:
    return tuple(Example(path=place / clip.file, class_id=clip.class_id) for clip in clips)

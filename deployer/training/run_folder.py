"""The folder of one training: best and last network, log, labels, and the state from which to go on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from board_runner.errors import ModelError, UsageError
from deployer import whole_file
from deployer.export.sources import SETTINGS, WEIGHTS
from deployer.training.evaluate import Score

STATE, LOG, LABELS, LAST = "state.pt", "log.jsonl", "labels.txt", "last"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where a training was left: `epoch` whole epochs, and `step` steps of the next one."""

    epoch: int
    step: int
    seconds: float
    trainer: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best network so far: after which epoch, and how good."""

    epoch: int
    score: Score


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Reads and writes one folder; every file is either the old or the new one, whole."""

    path: Path

    def resume(self, told: Mapping[str, Any]) -> Kept | None:
        """Where a training of the settings `told` was left; None for a folder without one.

        Raises UsageError for a training of other settings, and for a checkpoint that is not of a training of ours:
        it would be overwritten. Raises ModelError for a damaged state.
        """
        place = self.path / STATE
        if not place.exists():
            if (self.path / WEIGHTS).exists():
                raise UsageError(
                    f"{self.path} holds a checkpoint that was not made by a training here",
                    hint="give another --run-name; --from takes a checkpoint to begin with",
                )
            return None
        state = _load(place)
        try:
            had = json.loads(state["told"])
            kept = Kept(**{name: state[name] for name in ("epoch", "step", "seconds", "trainer")})
        except (KeyError, TypeError, ValueError) as e:
            raise ModelError(f"{place}: no state of a training: {e}", hint="remove it to begin anew") from e
        self._check_same(had, json.loads(_line(told)))
        return kept

    def _check_same(self, had: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        changed = [name for name in {**had, **told} if had.get(name) != told.get(name)]
        if not changed:
            return
        name = changed[0]
        what = (
            "the data set changed"
            if name == "data"
            else f"{name} was {had.get(name)}, is {told.get(name)} now"
        )
        raise UsageError(
            f"{self.path} was begun otherwise: {what}",
            hint="give the same again, or another --run-name, with --from to begin with this one's weights",
        )

    def keep_state(self, kept: Kept, told: Mapping[str, Any]) -> None:
        """Write all that is needed to go on."""
        fields = {"epoch": kept.epoch, "step": kept.step, "seconds": kept.seconds, "trainer": kept.trainer}
        _save({"version": VERSION, "told": _line(told), **fields}, self.path / STATE)

    def best(self) -> Best | None:
        """The best network so far, by what its own file says; None before there is one."""
        place = self.path / WEIGHTS
        if not place.exists():
            return None
        told = _load(place)
        try:
            return Best(epoch=told["epoch"], score=_score(told))
        except KeyError as e:
            raise ModelError(f"{place}: does not say how good it is: no {e}") from e

    def keep_checkpoint(
        self,
        network: Mapping[str, Tensor],
        settings: Mapping[str, Any],
        *,
        epoch: int,
        score: Score,
        last: bool,
    ) -> None:
        """Write `args.yml` and `chkpnt.pt`, of the best network or into `last/`."""
        place = self.path / LAST if last else self.path
        place.mkdir(parents=True, exist_ok=True)
        whole_file.write(place / SETTINGS, yaml.safe_dump(dict(settings), sort_keys=True).encode())
        weights = {name: value.detach().cpu() for name, value in network.items()}
        told = {"val_clips": score.clips, "val_accuracy": score.accuracy, "val_loss": score.loss}
        _save({"model_dict": weights, "epoch": epoch, **told}, place / WEIGHTS)

    def begin_log(self, epochs: int) -> Score | None:
        """Drop the lines after `epochs`, which were lost and come again; gives the best score that is left."""
        lines = [line for line in self._lines() if json.loads(line)["epoch"] <= epochs]
        whole_file.write(self.path / LOG, "".join(f"{line}\n" for line in lines).encode())
        told = next((line for line in map(json.loads, reversed(lines)) if line["best"]), None)
        return None if told is None else _score(told)

    def _lines(self) -> list[str]:
        place = self.path / LOG
        found = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
        return [line for line in found if line.endswith("}")]  # one that was cut off by a crash is no line

    def log(self, told: Mapping[str, Any]) -> None:
        """Add a line."""
        with (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(_line(told) + "\n")

    def keep_labels(self, names: Sequence[str]) -> None:
        """Write the class names, a line each, as `model.labels` takes them."""
        self.path.mkdir(parents=True, exist_ok=True)
        whole_file.write(self.path / LABELS, "".join(f"{name}\n" for name in names).encode())


def _score(told: Mapping[str, Any]) -> Score:
    return Score(clips=told["val_clips"], accuracy=told["val_accuracy"], loss=told["val_loss"])


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told, sort_keys=True)


def _load(place: Path) -> dict[str, Any]:
    try:
        content = torch.load(place, map_location="cpu", weights_only=True)
    except Exception as e:  # a damaged file makes the reader raise nearly anything
        raise ModelError(f"{place}: damaged: {str(e).splitlines()[0]}", hint="remove it to begin anew") from e
    if not isinstance(content, dict):
        raise ModelError(f"{place}: holds a {type(content).__name__}", hint="remove it to begin anew")
    return content


def _save(content: Any, place: Path) -> None:
    part = place.with_name(f".{place.name}.part")
    torch.save(content, part)
    part.replace(place)

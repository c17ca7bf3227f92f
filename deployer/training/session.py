"""One call of a training: from where its folder stands to a limit or the end, and what is kept on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from deployer import interrupts
from deployer.errors import CheckFailed
from deployer.events import Advanced, Emit, Finished, Logged, Started, Warned
from deployer.export import weights
from deployer.export.sources import WEIGHTS
from deployer.training import evaluate
from deployer.training.batches import Batch, Batches
from deployer.training.evaluate import Score
from deployer.training.examples import Examples
from deployer.training.run_folder import Best, Kept, RunFolder
from deployer.training.settings import Limits
from deployer.training.trainer import Trainer

STEP = "train"
SAVE_EVERY_S = 60.0
"""A crash loses no more than this; a stop that was asked for loses nothing."""


class Session:
    """Where the training is: `epoch` whole epochs, and `step` steps of the next one."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Batches,
        known: Examples,
        *,
        folder: RunFolder,
        limits: Limits,
        emit: Emit,
    ) -> None:
        self.trainer, self.batches, self.known = trainer, batches, known
        self.folder, self.limits, self.emit = folder, limits, emit
        self.settings = trainer.settings
        self.told = self.settings.as_data() | {"data": known.digest}
        self.epoch = self.step = 0
        self.began_s = self.saved_s = time.monotonic()
        self.seconds_before = 0.0
        self.heat = 1.0
        self.best: Best | None = None  # on disk, after a crash perhaps of an epoch that is still to come
        self.to_beat: Score | None = None  # of the epochs so far
        self.note = ""

    def go(self, *, judge_first: bool) -> str:
        """Train; gives what it was stopped by, nothing at the end of the schedule.

        With `judge_first` a new training begins with its first network as the best. Raises KeyboardInterrupt after
        Ctrl-C, with the state saved; CheckFailed when the loss is no number any more; and as `RunFolder.resume`.
        """
        kept = self.folder.resume(self.told)
        self.folder.keep_labels(self.known.classes)
        if kept is not None:
            self.trainer.restore(kept.trainer)
            self.epoch, self.step, self.seconds_before = kept.epoch, kept.step, kept.seconds
        self.best = self.folder.best()
        self.to_beat = self.folder.begin_log(self.epoch)
        if self.to_beat is None and self.best is not None and self.best.epoch <= self.epoch:
            self.to_beat = self.best.score
        self.emit(Started(step=STEP, total=self.settings.n_epochs * self.batches.steps, unit="steps"))
        with interrupts.deferred():
            if judge_first and self.epoch == self.step == 0 and self.best is None:
                self._judge(0)
            stopped_by = self._epochs()
        note = f"{self.epoch} of {self.settings.n_epochs} epochs. {self.note}"
        self.emit(Finished(step=STEP, note=note.strip()))
        return stopped_by

    def test(self) -> Score | None:
        """The best network's score on the clips that had no part in the training; None where there are none."""
        if not self.known.test or self.best is None:
            return None
        network = self.trainer.average.network
        network.load_state_dict(weights.read(self.folder.path / WEIGHTS))
        return evaluate.score(network, self.batches.plain(self.known.test), self.trainer.device)

    def seconds(self) -> float:
        """Time spent on this training, in all calls together."""
        return self.seconds_before + time.monotonic() - self.began_s

    def _epochs(self) -> str:
        first = self.epoch
        while self.epoch < self.settings.n_epochs:
            if self.limits.epochs is not None and self.epoch - first >= self.limits.epochs:
                self._save()
                return "--epochs"
            self.heat = self.trainer.begin(self.epoch)
            for batch in self.batches.training(self.epoch, self.step):
                if self._is_late():
                    self._save()
                    return "--max-minutes"
                self.trainer.step(batch, self.epoch, self.step)
                self.step += 1
                self._tell()
                self._pause()
            self._end_epoch()
        if self.epoch > first:
            self._save()
        return ""

    def _end_epoch(self) -> None:
        loss, epoch = float(self.trainer.loss_sum) / self.batches.steps, self.epoch + 1
        if not loss < float("inf"):
            raise CheckFailed(
                f"{self.folder.path}: the loss is {loss} in epoch {epoch}",
                hint="begin anew, with a lower --max-lr and another --run-name",
            )
        score, is_best = self._judge(epoch)
        self._keep(score, epoch, last=True)
        self.epoch, self.step = epoch, 0
        self.trainer.loss_sum.zero_()
        self.note = f"loss {loss:.4f}, held out {score.accuracy:.2%} right"
        self.folder.log(
            {
                "epoch": epoch,
                "lr": self.trainer.rate,
                "train_loss": loss,
                "val_accuracy": score.accuracy,
                "val_loss": score.loss,
                "val_clips": score.clips,
                "best": is_best,
                "seconds": round(self.seconds(), 3),
                "device": self.trainer.device.type,
            }
        )
        self.emit(Logged(step=STEP, line=f"epoch {epoch}: {self.note}{', the best yet' * is_best}"))
        if time.monotonic() - self.saved_s > SAVE_EVERY_S:
            self._save()

    def _judge(self, epoch: int) -> tuple[Score, bool]:
        """Score the averaged network on what is held out, and say whether it is the best yet; keep the best.

        While dynamic convolutions are still hot none is: it would have to stay hot for good.
        """
        score = evaluate.score(self.trainer.average.network, self._val_batches(), self.trainer.device)
        is_best = self.heat == 1.0 and score.beats(self.to_beat)
        if is_best:
            self.to_beat = score
            if score.beats(self.best.score if self.best else None):
                self._keep(score, epoch, last=False)
                self.best = Best(epoch=epoch, score=score)
        return score, is_best

    def _val_batches(self) -> Iterator[Batch]:
        for batch in self.batches.plain(self.known.val):
            self._pause()
            yield batch

    def _keep(self, score: Score, epoch: int, *, last: bool) -> None:
        recipe = self.trainer.recipe
        told: dict[str, Any] = self.settings.as_data() | dict(recipe.marks)
        told |= {"n_classes": len(self.known.classes), "dataset": self.known.dataset}
        if recipe.anneals:
            told["temperature"] = self.heat
        state = self.trainer.average.network.state_dict()
        self.folder.keep_checkpoint(state, told, epoch=epoch, score=score, last=last)

    def _pause(self) -> None:
        """Where Ctrl-C takes effect: between two batches, with the state on disk."""
        try:
            interrupts.check()
        except KeyboardInterrupt:
            self._save()
            self.emit(Warned(step=STEP, message=f"{self.folder.path} is saved; the same command goes on"))
            raise

    def _save(self) -> None:
        self.folder.keep_state(
            Kept(epoch=self.epoch, step=self.step, seconds=self.seconds(), trainer=self.trainer.state()),
            self.told,
        )
        self.saved_s = time.monotonic()

    def _is_late(self) -> bool:
        most = self.limits.max_minutes
        return most is not None and time.monotonic() - self.began_s >= 60 * most

    def _tell(self) -> None:
        steps = self.batches.steps
        self.emit(
            Advanced(
                step=STEP,
                done=self.epoch * steps + self.step,
                total=self.settings.n_epochs * steps,
                note=f"epoch {self.epoch + 1}. {self.note}".rstrip(),
            )
        )

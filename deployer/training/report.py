"""What a call of `deploy train` came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """Where a training stands. Accuracies are shares; `best_epoch` 0 is the checkpoint that was begun with.

    Before there is a best network its three fields are None.

    `chosen_on` says by what the best network was chosen; `test_accuracy` is that network's on clips that had no
    part in it, known at the end, and None where there are none. `seconds` are those of all calls together.
    """

    folder: Path
    model: str
    parameters: int
    device: str
    epochs_done: int
    n_epochs: int
    best_epoch: int | None
    val_accuracy: float | None
    val_loss: float | None
    chosen_on: str
    seconds: float
    stopped_by: str = ""
    test_accuracy: float | None = None
    test_clips: int = 0

    @property
    def finished(self) -> bool:
        """Whether the whole schedule is through."""
        return self.epochs_done == self.n_epochs

    def as_data(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"folder": str(self.folder), "finished": self.finished}

    def as_text(self) -> str:
        """A few lines for people."""
        lines = [
            f"{self.model}, {self.parameters} parameters, on {self.device}: "
            f"epoch {self.epochs_done} of {self.n_epochs}, {self.seconds:.0f} s of training"
        ]
        if self.best_epoch is not None:
            lines.append(
                f"best: epoch {self.best_epoch}, {self.val_accuracy:.2%} right, loss {self.val_loss:.4f}, "
                f"by {self.chosen_on}"
            )
        if self.test_accuracy is not None:
            lines.append(f"test: {self.test_accuracy:.2%} of {self.test_clips} clips")
        if not self.finished:
            lines.append(f"stopped by {self.stopped_by}; the same command goes on from here")
        elif self.best_epoch is not None:
            lines.append(f"deploy export --model {self.model} --checkpoint {self.folder}")
        return "\n".join(lines)

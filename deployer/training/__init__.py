"""Training: one loop for all models. Here too torch is imported, and only on use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deployer.events import Emit, ignore

if TYPE_CHECKING:
    from deployer.training.report import TrainReport
    from deployer.training.settings import Limits, TrainSettings


def run(
    data: Path,
    folder: Path,
    settings: TrainSettings,
    *,
    limits: Limits | None = None,
    emit: Emit = ignore,
) -> TrainReport:
    """Train on the manifest of `data`, or train on where `folder` left off, until a limit or the last epoch.

    `folder` gets the best network so far (`args.yml`, `chkpnt.pt`: what `deploy export` takes), the latest in
    `last/`, `log.jsonl` with a line an epoch, `labels.txt`, and `state.pt`, from which the same call goes on.
    Ctrl-C saves that state first and is raised again.

    Raises UsageError without PyTorch, for settings that fit no network or not what `folder` was begun with;
    MissingArtifact or InputError for a data set that cannot be used; CheckFailed when the loss is no number any
    more.
    """
    from deployer.export.requirements import require_tools

    require_tools(("torch",), command="deploy train")
    from deployer.training import loop
    from deployer.training.settings import Limits

    return loop.train(data, folder, settings, limits=limits or Limits(), emit=emit)

"""Where an export starts: a trained network with its contract, loaded by the model's own reader."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from torch import nn

from board_runner.contract import InputContract
from board_runner.errors import ModelError, UsageError
from deployer.errors import MissingArtifact

SETTINGS = "args.yml"
WEIGHTS = "chkpnt.pt"

READERS = {
    "eat": "deployer.export.eat_source",
    "ecapa": "deployer.export.ecapa_source",
    "efficientat": "deployer.export.efficientat_source",
    "kws": "deployer.export.kws_checkpoint",
}
"""Model -> the module whose `load(folder)` gives a `Source`."""

TRAINED = ("eat", "kws", "efficientat")
"""Those whose module has `fresh(settings, folder)` too."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A trained network, ready to evaluate, and what it expects and gives.

    `keeps_norms` says that it has batch normalisations which no layer beside them can take. `trained` is what
    `network` was before it was rewritten for the export: the reference of all comparisons.
    """

    folder: Path
    network: nn.Module
    contract: InputContract
    keeps_norms: bool = False
    trained: nn.Module | None = None

    @property
    def reference(self) -> nn.Module:
        """The network as it was trained."""
        return self.network if self.trained is None else self.trained

    @property
    def parameters(self) -> int:
        """How many values were trained; statistics and fixed filters not counted."""
        return sum(parameter.numel() for parameter in self.reference.parameters())


def load(model: str, folder: Path) -> Source:
    """The checkpoint folder of a network of `model`.

    Raises UsageError for a model that has no exporter, MissingArtifact or ModelError as its reader does.
    """
    if model not in READERS:
        raise UsageError(f"no exporter for {model!r}", hint=f"there is one for {', '.join(READERS)}")
    return cast(Source, import_module(READERS[model]).load(folder))


def fresh(model: str, settings: dict[str, Any], folder: Path) -> Source:
    """An untrained network of `model` in the sizes that `settings` tell, with `n_classes`; for training.

    `folder` is named in errors. Raises UsageError for a model without a trainer, ModelError for settings that make
    no network.
    """
    if model not in TRAINED:
        raise UsageError(f"no training for {model!r}", hint=f"there is one for {', '.join(TRAINED)}")
    return cast(Source, import_module(READERS[model]).fresh(settings, folder))


def settings_text(folder: Path) -> str:
    """The text of the folder's settings; raises MissingArtifact or ModelError."""
    path = folder / SETTINGS
    try:
        return path.read_text(encoding="utf-8")
    except OSError as e:
        raise MissingArtifact(
            f"cannot read {path}: {e.strerror}",
            hint=f"give the trainer's folder, with {SETTINGS} and {WEIGHTS}",
        ) from e
    except UnicodeDecodeError as e:
        raise ModelError(f"{path}: not UTF-8 text") from e

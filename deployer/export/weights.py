"""A trainer's `chkpnt.pt`, read as tensors alone: what else the pickle names is never imported or called."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from board_runner.errors import ModelError
from deployer.errors import MissingArtifact

STATE_KEYS = ("model_dict", "state_dict", "model")
PARALLEL_PREFIX = "module."

HARMLESS = (
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
    ),
    "argparse.Namespace",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
)
"""Names that trainers' checkpoints hold beside the weights. Each is read as an `Inert`, never as itself."""


class Inert:
    """Stands where a pickle asks for a class: takes whatever it is given and does nothing with it."""

    def __init__(self, *values: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _stand_in(full_name: str) -> type[Inert]:
    module, _, name = full_name.rpartition(".")
    return type(name, (Inert,), {"__module__": module, "__qualname__": name})


def read(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of the network in `path`, without the prefixes of data-parallel training.

    Raises MissingArtifact without the file, ModelError for one that is damaged, holds code, or no weights.
    """
    if not path.is_file():
        raise MissingArtifact(
            f"no checkpoint {path}", hint="give the trainer's folder, with args.yml and chkpnt.pt"
        )
    stand_ins = [_stand_in(name) for name in HARMLESS]
    try:
        with torch.serialization.safe_globals(stand_ins):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        raise ModelError(
            f"{path}: refused, for it is damaged or holds more than weights: {_reason(e)}",
            hint="save the state dict alone: torch.save({'model_dict': net.state_dict()}, path)",
        ) from e
    except Exception as e:  # a damaged file makes the reader raise nearly anything
        raise ModelError(f"{path}: no checkpoint that PyTorch reads: {_reason(e)}") from e
    return _without_prefix(_state(content, path))


def _reason(error: Exception) -> str:
    """The telling line of PyTorch's page-long message: the one that names a global, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "GLOBAL" in line), lines[0])


def _state(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        candidates = [content[key] for key in STATE_KEYS if key in content] or [content]
        state = candidates[0]
        if isinstance(state, Mapping) and state and all(isinstance(v, Tensor) for v in state.values()):
            return {str(name): value for name, value in state.items()}
        held = ", ".join(sorted(map(str, content))) or "nothing"
        raise ModelError(f"{path}: no network weights under {' or '.join(STATE_KEYS)}; it holds {held[:200]}")
    raise ModelError(f"{path}: holds a {type(content).__name__}, wants a dict with model_dict")


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while all(name.startswith(PARALLEL_PREFIX) for name in state):
        state = {name.removeprefix(PARALLEL_PREFIX): value for name, value in state.items()}
    return state


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Put `state` into `network`, which must want exactly these names and shapes; in float32.

    Raises ModelError naming what is missing, foreign, of another shape, or not finite.
    """
    wanted = network.state_dict()
    faults = [
        _listed("lacks", [name for name in wanted if name not in state]),
        _listed("holds foreign", [name for name in state if name not in wanted]),
        _listed(
            "has other shapes:",
            [
                f"{name} {list(state[name].shape)} for {list(value.shape)}"
                for name, value in wanted.items()
                if name in state and state[name].shape != value.shape
            ],
        ),
        _listed("has values that are not finite in", [n for n, v in state.items() if not v.isfinite().all()]),
    ]
    if any(faults):
        raise ModelError(
            f"{path}: {'; '.join(fault for fault in faults if fault)}",
            hint="args.yml must be of the same training run as chkpnt.pt",
        )
    network.load_state_dict(
        {name: state[name].to(value.dtype) for name, value in wanted.items()}, strict=True
    )


def _listed(verb: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{verb} {', '.join(names[:3])}{more}" if names else ""

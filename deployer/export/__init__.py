"""From a trainer's checkpoint to a verified ONNX model; torch is imported on use, here and in training alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from board_runner.errors import UsageError
from deployer.events import Emit, ignore

if TYPE_CHECKING:
    from board_runner.contract import InputContract
    from board_runner.models.wenet_chunks import Chunking
    from deployer.export.checks import Check
    from deployer.export.report import ExportReport
    from deployer.export.wenet_export import WenetReport


def run(
    checkpoint_dir: Path,
    out_dir: Path,
    emit: Emit = ignore,
    *,
    model: str = "eat",
    labelled: Sequence[tuple[Path, int]] = (),
    static: Chunking | None = None,
) -> ExportReport | WenetReport:
    """Write `<model>.onnx`, `<model>_sim.onnx` and the verification report of a checkpoint folder into `out_dir`.

    With `labelled` clips, each a wav with its class, the accuracies of network and export are held together.
    WeNet becomes three files, and with `static` chunks a fourth, see `wenet_export`.

    Raises UsageError without PyTorch or the ONNX tools and for `static` chunks of another model, ModelError or
    MissingArtifact for a folder that cannot be used, CheckFailed when a check of the export fails.
    """
    from deployer.export.requirements import require_tools

    require_tools()
    if model == "wenet":
        from deployer.export.wenet_export import export_wenet

        return export_wenet(checkpoint_dir, out_dir, static=static, emit=emit)
    if static is not None:
        raise UsageError(f"{model} takes no chunks", hint="--static is for wenet")
    from deployer.export.onnx_export import export_model

    return export_model(checkpoint_dir, out_dir, model=model, labelled=labelled, emit=emit)


def examine(path: Path, contract: InputContract) -> list[Check]:
    """The faults of a spectrogram model exported elsewhere, a row each; see `traps.examine`.

    Raises UsageError without the ONNX tools, ModelError for a file that is no such model.
    """
    from deployer.export.requirements import require_tools

    require_tools()
    from deployer.export import traps

    return traps.examine(path, contract)

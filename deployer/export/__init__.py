"""From a trainer's checkpoint to a verified ONNX model; only here is torch imported, and only on use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deployer.events import Emit, ignore

if TYPE_CHECKING:
    from deployer.export.report import ExportReport


def run(checkpoint_dir: Path, out_dir: Path, emit: Emit = ignore, *, model: str = "eat") -> ExportReport:
    """Write `<model>.onnx`, `<model>_sim.onnx` and the verification report of a checkpoint folder into `out_dir`.

    Raises UsageError without PyTorch or the ONNX tools, ModelError or MissingArtifact for a folder that
    cannot be used, CheckFailed when a check of the export fails.
    """
    from deployer.export.requirements import require_tools

    require_tools()
    from deployer.export.onnx_export import export_model

    return export_model(checkpoint_dir, out_dir, model=model, emit=emit)

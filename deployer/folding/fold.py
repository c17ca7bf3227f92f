"""`deploy fold`: what kind of file it is, and who folds that."""

from __future__ import annotations

from pathlib import Path

from deployer.errors import CheckFailed
from deployer.folding.onnx_fold import PAIRS, fold_onnx
from deployer.folding.report import FoldReport

PYTORCH = (".pt", ".pth", ".bin", ".ckpt", ".tar")


def fold_any(
    path: Path, out: Path | None = None, *, graph: Path | None = None, model: str = "eat", pairs: int = PAIRS
) -> FoldReport:
    """Fold whatever lies at `path`: a checkpoint folder, a PyTorch or TensorFlow checkpoint, else an ONNX model.

    `graph` and `model` are for checkpoints, as in `fold_checkpoint` and `fold_tensorflow`. Raises as these do.
    """
    if is_tensorflow(path):
        from deployer.folding.tf import fold_tensorflow

        return fold_tensorflow(path, out, graph=graph)
    if path.is_dir() or path.suffix in PYTORCH:
        from deployer.export.requirements import require_tools

        require_tools()
        from deployer.export.state_fold import fold_checkpoint

        return fold_checkpoint(path, out, model=model, graph=graph, pairs=pairs)
    return fold_onnx(path, out, pairs=pairs)


def is_tensorflow(path: Path) -> bool:
    """Whether `path` is the common start of the files of a TensorFlow checkpoint, or one of them."""
    return path.suffix in (".index", ".meta") or path.with_name(f"{path.name}.index").is_file()


def raise_if_useless(report: FoldReport) -> None:
    """Raise CheckFailed for a report of a folding that changed the function, or that folded nothing."""
    if report.failed:
        row = report.failed[0]
        raise CheckFailed(
            f"{report.source}: the folded graph is not equal in {row.engine}: {row.max_abs:.3g} apart",
            hint="nothing was written; this is a fault of the folding, please report it with the model",
        )
    if not report.folds:
        raise CheckFailed(
            f"{report.source}: none of {len(report.left)} batch normalisations can be folded",
            hint="the reasons are listed above; nothing was written",
        )

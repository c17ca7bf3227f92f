"""`deploy export --model wenet`: a checkpoint folder becomes three ONNX files and a report on them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from board_runner.contract import InputContract
from board_runner.models.wenet_chunks import Chunking
from board_runner.models.wenet_static import GRAPH as STATIC
from deployer.errors import CheckFailed
from deployer.events import Advanced, Emit, Finished, Logged, Started, ignore
from deployer.export import wenet_onnx, wenet_source, wenet_static, wenet_static_checks
from deployer.export.conversion import OPSET
from deployer.export.onnx_export import REJECTED, STEP, write_model
from deployer.export.report import TEXT_NAME, ModelFile, Report
from deployer.export.wenet_checks import verify

TOOLS = ("torch", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, kw_only=True)
class WenetReport(Report):
    """An export as several graphs; files and contracts by the graph's name."""

    contracts: Mapping[str, InputContract]
    models: Mapping[str, ModelFile]

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Of every graph."""
        return tuple(self.models.values())


def export_wenet(
    checkpoint_dir: Path, out_dir: Path, *, static: Chunking | None = None, emit: Emit = ignore
) -> WenetReport:
    """Write `wenet_encoder.onnx`, `wenet_ctc.onnx`, `wenet_decoder.onnx` and the report into `out_dir`.

    With `static` chunks there is `wenet_static.onnx` beside: encoder and CTC as one graph of fixed sizes. Graphs
    that fail a check get names that begin with `rejected_`, and earlier good ones stay. Raises CheckFailed then,
    ModelError or MissingArtifact for a folder that cannot be used.
    """
    emit(Started(step=STEP, total=3))
    source = wenet_source.load(checkpoint_dir)
    emit(Advanced(step=STEP, done=1, total=3, note=f"{source.parameters} parameters loaded"))
    fixed = None if static is None else wenet_static.contract_of(source, static)
    graphs, told = wenet_onnx.trace(source)
    warnings = [*told]
    if fixed is not None:
        graphs[STATIC], told = wenet_static.trace(source, fixed)
        warnings += [line for line in told if line not in warnings]
    for line in warnings:
        emit(Logged(step=STEP, line=line))
    emit(Advanced(step=STEP, done=2, total=3, note="traced"))
    free = {name: graph for name, graph in graphs.items() if name != STATIC}
    checks = verify(source, free)
    if fixed is not None:
        checks += wenet_static_checks.verify(graphs[STATIC], fixed, free)
    emit(Advanced(step=STEP, done=3, total=3, note="verified"))
    out_dir.mkdir(parents=True, exist_ok=True)
    prefix = "" if all(check.passed for check in checks) else REJECTED
    report = WenetReport(
        checkpoint=checkpoint_dir,
        parameters=source.parameters,
        opset=OPSET,
        contracts=source.contracts | ({} if fixed is None else {STATIC: fixed}),
        models={
            name: write_model(model, out_dir / f"{prefix}wenet_{name}.onnx") for name, model in graphs.items()
        },
        checks=tuple(checks),
        warnings=tuple(warnings),
        versions={"python": platform.python_version()} | {tool: metadata.version(tool) for tool in TOOLS},
    )
    report.write(out_dir)
    if report.failed:
        first = report.failed[0]
        raise CheckFailed(
            f"export of {checkpoint_dir}: {len(report.failed)} of {len(checks)} checks failed: "
            f"{first.name}: {first.detail.split('; ')[0]}",
            hint=f"{out_dir / TEXT_NAME} lists them all; the models are there as {REJECTED}*.onnx",
        )
    emit(Finished(step=STEP, note=f"{len(checks)} checks passed, {report.models['encoder'].path}"))
    return report

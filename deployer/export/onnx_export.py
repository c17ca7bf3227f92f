"""`deploy export`: a checkpoint folder becomes two ONNX files and the report that vouches for them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import onnx

from board_runner.contract import InputContract
from deployer import resources, whole_file
from deployer.errors import CheckFailed
from deployer.events import Advanced, Emit, Finished, Logged, Started, ignore
from deployer.export import accuracy_gate, conversion, sources
from deployer.export.checks import Check, operators
from deployer.export.report import TEXT_NAME, ExportReport, ModelFile
from deployer.export.verify import inputs_of, verify

STEP = "export"
REJECTED = "rejected_"
SHIPPED_RATE_HZ = 22050
TOOLS = ("torch", "onnx", "onnxsim", "onnxruntime", "numpy")


def export_model(
    checkpoint_dir: Path,
    out_dir: Path,
    *,
    model: str = "eat",
    clips: Sequence[Path] | None = None,
    labelled: Sequence[tuple[Path, int]] = (),
    emit: Emit = ignore,
) -> ExportReport:
    """Write the network of `checkpoint_dir`, as traced and simplified, and its report into `out_dir`.

    `model` is the name of its kind; the files are called `<model>.onnx` and `<model>_sim.onnx`.

    `clips` are recordings to compare on beside the seeded signals; None stands for the shipped ones, if they
    have the model's rate. `labelled` are clips of known class, over which the network and what was made of it may
    differ in accuracy by half a percent. Models that fail a check get names that begin with `rejected_`, and
    earlier good ones stay. Raises CheckFailed then, ModelError or MissingArtifact for a folder that cannot be used,
    InputError for such a clip.
    """
    emit(Started(step=STEP, total=4))
    source = sources.load(model, checkpoint_dir)
    contract = source.contract
    emit(Advanced(step=STEP, done=1, total=4, note=f"{source.parameters} parameters loaded"))
    traced, warnings = conversion.trace(source, contract)
    for line in warnings:
        emit(Logged(step=STEP, line=line))
    emit(Advanced(step=STEP, done=2, total=4, note="traced"))
    forms = {f"{model}.onnx": traced, f"{model}_sim.onnx": conversion.simplify(traced)}
    graphs = {name: conversion.fold(graph) for name, graph in forms.items()}
    for graph in graphs.values():
        conversion.store_contract(graph, contract)
    emit(Advanced(step=STEP, done=3, total=4, note="simplified"))
    inputs = inputs_of(contract, _shipped_clips(contract) if clips is None else clips)
    checks = verify(graphs, contract, source, opset=conversion.OPSET, inputs=inputs)
    if labelled:
        checks.append(accuracy_gate.of_export(source, list(graphs.values())[-1], labelled).check())
    emit(Advanced(step=STEP, done=4, total=4, note="verified"))
    files = _write(graphs, out_dir, checks)
    report = ExportReport(
        checkpoint=checkpoint_dir,
        parameters=source.parameters,
        opset=conversion.OPSET,
        contract=contract,
        model=files[0],
        simplified=files[1],
        inputs=tuple(inputs),
        checks=tuple(checks),
        warnings=tuple(warnings),
        versions={"python": platform.python_version()} | {tool: metadata.version(tool) for tool in TOOLS},
    )
    report.write(out_dir)
    _raise_if_failed(report, out_dir)
    emit(Finished(step=STEP, note=f"{len(checks)} checks passed, {files[1].path}"))
    return report


def _shipped_clips(contract: InputContract) -> list[Path]:
    if contract.sample_rate_hz != SHIPPED_RATE_HZ:
        return []
    return sorted((resources.data_dir() / "clips").glob("*.wav"))


def _write(graphs: dict[str, onnx.ModelProto], out_dir: Path, checks: Sequence[Check]) -> list[ModelFile]:
    out_dir.mkdir(parents=True, exist_ok=True)
    prefix = "" if all(check.passed for check in checks) else REJECTED
    return [write_model(model, out_dir / f"{prefix}{name}") for name, model in graphs.items()]


def write_model(model: onnx.ModelProto, path: Path) -> ModelFile:
    """Write `model` whole or not at all; gives what a report says of the file."""
    content = model.SerializeToString(deterministic=True)
    whole_file.write(path, content)
    return ModelFile(
        path=path,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        operators=dict(operators(model).most_common()),
    )


def _raise_if_failed(report: ExportReport, out_dir: Path) -> None:
    if report.failed:
        first = report.failed[0]
        raise CheckFailed(
            f"export of {report.checkpoint}: {len(report.failed)} of {len(report.checks)} checks failed: "
            f"{first.name}: {first.detail.split('; ')[0]}",
            hint=f"{out_dir / TEXT_NAME} lists them all; the models are there as {REJECTED}*.onnx",
        )

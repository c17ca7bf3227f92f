"""Checks of an exported graph that need no run: each a row, each for a defect that exports have had."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx
from onnx import numpy_helper

from board_runner.contract import METADATA_KEY, InputContract, TensorSpec
from board_runner.errors import ModelError
from board_runner.ops import OPS

Graphs: TypeAlias = Mapping[str, onnx.ModelProto]
"""File name -> model: as traced first, simplified last."""

SMALLEST_WEIGHT = 256
"""Values from which on a tensor counts as a weight; shapes and scalars are often equal by right."""

PLAIN_OPS = frozenset(
    {"Constant", "Conv", "Gather", "Gemm", "MatMul", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
"""What a simplifier may write without a converter's ever minding."""

ACTIVATIONS = frozenset(
    {"Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Tanh"}
)


TRAINING = "though a convolution stands before it: exported in training mode?"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One row of the verification report."""

    name: str
    passed: bool
    detail: str


def row(name: str, faults: Iterable[str], good: str) -> Check:
    """Passed with the detail `good`, or failed with the faults listed."""
    listed = list(faults)
    return Check(name=name, passed=not listed, detail="; ".join(listed) or good)


def graph_checks(
    graphs: Graphs, contract: InputContract, opset: int, *, keeps_norms: bool = False
) -> list[Check]:
    """Every check of this module on `graphs`, which should be at `opset` and fulfil `contract`.

    `keeps_norms` is for networks with batch normalisations that no layer beside them can take.
    """
    return [
        checker(graphs),
        opset_as_asked(graphs, opset),
        operators_kept(graphs),
        operators_known(graphs),
        names_and_shapes(graphs, contract),
        no_duplicate_weights(graphs),
        no_shared_weights(graphs),
        constant_convolutions(graphs),
        no_batch_normalisation(graphs, keeps_norms=keeps_norms),
        contract_stored(graphs, contract),
    ]


def operators(model: onnx.ModelProto) -> Counter[str]:
    """How often each operator stands in the graph; those of foreign domains with their domain."""
    return Counter(f"{node.domain}.{node.op_type}".lstrip(".") for node in model.graph.node)


def checker(graphs: Graphs) -> Check:
    """ONNX's own checker, with shape inference."""
    faults = []
    for name, model in graphs.items():
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
            faults.append(f"{name}: {str(e).strip().splitlines()[0]}")
    return row("onnx checker", faults, "valid, shapes inferred")


def opset_as_asked(graphs: Graphs, opset: int) -> Check:
    """Exporters and simplifiers have answered with another opset than the one asked for."""
    faults = []
    for name, model in graphs.items():
        written = {entry.domain: entry.version for entry in model.opset_import}
        if written != {"": opset}:
            faults.append(f"{name} has {written}, asked for {opset}")
    return row("opset", faults, f"{opset} as asked")


def operators_kept(graphs: Graphs) -> Check:
    """A simplifier has put operators in that converters lack, LpNormalization for one."""
    traced, *_, simplified = graphs.values()
    before, after = set(operators(traced)), set(operators(simplified))
    new, gone = sorted(after - before), sorted(before - after)
    return row(
        "operators before and after simplifying",
        (f"{op} came in" for op in new if op not in PLAIN_OPS),
        f"gone: {', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'}",
    )


def operators_known(graphs: Graphs) -> Check:
    """The runner must have every operator of the model that goes on to it."""
    name, model = list(graphs.items())[-1]
    used = operators(model)
    return row(
        "operators known",
        (f"{name}: the runner lacks {op}" for op in sorted(used) if op not in OPS),
        ", ".join(f"{op} {count}" for op, count in used.most_common()),
    )


def names_and_shapes(graphs: Graphs, contract: InputContract) -> Check:
    """Each input and output has the contract's name, type and static shape, and there are no others."""
    faults = []
    for name, model in graphs.items():
        weights = {tensor.name for tensor in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in weights]
        for kind, found, wanted in (
            ("inputs", inputs, contract.inputs),
            ("outputs", model.graph.output, contract.outputs),
        ):
            told, asked = [_told(value) for value in found], [_asked(spec) for spec in wanted]
            if told != asked:
                faults.append(f"{name}: {kind} {', '.join(told)}, wants {', '.join(asked)}")
    specs = (*contract.inputs, *contract.outputs)
    return row("names and static shapes", faults, ", ".join(_asked(spec) for spec in specs))


def _told(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    sizes = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim]
    return f"{value.name} {onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name}[{', '.join(sizes)}]"


def _asked(spec: TensorSpec) -> str:
    return f"{spec.name} {spec.dtype}[{', '.join(map(str, spec.shape))}]"


def no_duplicate_weights(graphs: Graphs) -> Check:
    """One weight stored twice makes the file larger than the network."""
    faults = []
    for name, model in graphs.items():
        same: dict[tuple[tuple[int, ...], str, bytes], list[str]] = defaultdict(list)
        for tensor in model.graph.initializer:
            value = numpy_helper.to_array(tensor)
            if value.size >= SMALLEST_WEIGHT and np.ptp(value) > 0:
                same[value.shape, str(value.dtype), value.tobytes()].append(tensor.name)
        faults += [f"{name}: {' = '.join(names)}" for names in same.values() if len(names) > 1]
    return row("duplicate initialisers", faults, f"none of {SMALLEST_WEIGHT} values or more")


def no_shared_weights(graphs: Graphs) -> Check:
    """Layers that share a matrix are copies of one another: a network that was never trained."""
    faults = []
    for name, model in graphs.items():
        readers = Counter(value for node in model.graph.node for value in node.input)
        faults += [
            f"{name}: {tensor.name} is read by {readers[tensor.name]} nodes"
            for tensor in model.graph.initializer
            if len(tensor.dims) > 1 and np.prod(tensor.dims) >= SMALLEST_WEIGHT and readers[tensor.name] > 1
        ]
    return row("weights of one layer each", faults, "no matrix is read twice")


def constant_convolutions(graphs: Graphs) -> Check:
    """Weights computed at run time are what NPU converters and quantisers reject."""
    faults = []
    for name, model in graphs.items():
        fixed = _constants(model)
        faults += [
            f"{name}: {node.name or node.output[0]} has weights computed at run time"
            for node in model.graph.node
            if node.op_type == "Conv" and not all(value in fixed for value in node.input[1:] if value)
        ]
    return row("constant convolution weights", faults, "all constant")


def _constants(model: onnx.ModelProto) -> set[str]:
    """Names of values fixed before a run; an Identity is how the exporter lets two readers share one."""
    fixed = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" or (node.op_type == "Identity" and node.input[0] in fixed):
            fixed.add(node.output[0])
    return fixed


def no_batch_normalisation(graphs: Graphs, *, keeps_norms: bool = False) -> Check:
    """Whatever batch normalisation was not folded into a convolution, and why.

    With `keeps_norms` only those count as faults that stand right behind a convolution of fixed weights.
    """
    faults, kept = [], Counter[str]()
    for name, model in graphs.items():
        makers = {value: node for node in model.graph.node for value in node.output}
        fixed = _constants(model)
        for node in model.graph.node:
            if node.op_type == "BatchNormalization":
                why = _why_unfolded(makers.get(node.input[0]), fixed)
                if keeps_norms and why != TRAINING:
                    kept[f"{name}: {why}"] += 1
                else:
                    faults.append(f"{name}: {node.name or node.output[0]} is left, {why}")
    good = "; ".join(f"{where.replace(':', f': {count} left,', 1)}" for where, count in kept.items())
    return row("batch normalisation folded", faults, good or "none left")


def _why_unfolded(before: onnx.NodeProto | None, fixed: set[str]) -> str:
    if before is None:
        return "for it stands at the input"
    if before.op_type in ACTIVATIONS:
        return f"for it comes after {before.op_type}"
    if before.op_type == "Conv" and not all(value in fixed for value in before.input[1:] if value):
        return "for its convolution has weights computed at run time"
    if before.op_type == "Conv":
        return TRAINING
    return f"for {before.op_type}, not a convolution, stands before it"


def contract_stored(graphs: Graphs, contract: InputContract) -> Check:
    """The model must say by itself what it expects."""
    faults = []
    for name, model in graphs.items():
        texts = [prop.value for prop in model.metadata_props if prop.key == METADATA_KEY]
        try:
            if [InputContract.from_json(text) for text in texts] != [contract]:
                faults.append(
                    f"{name}: {'another contract' if texts else 'no contract'} under {METADATA_KEY}"
                )
        except ModelError as e:
            faults.append(f"{name}: {e}")
    return row("input contract stored", faults, f"under {METADATA_KEY}")

"""The operators against the node tests that the onnx package ships for every backend."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.ops import OPS

EXCLUDED: Mapping[str, str] = {
    "test_cast*FLOAT8*": "8-bit floats: no numpy type",
    "test_cast*FLOAT4*": "4-bit floats: no numpy type",
    "test_cast*BFLOAT16*": "bfloat16: no numpy type",
    "test_cast*STRING*": "strings are no numbers",
    "test_cast*INT4*": "4-bit integers: no numpy type",
    "test_cast*INT2*": "2-bit integers: no numpy type",
    "test_*quantizelinear_e[45]m*": "8-bit floats: no numpy type",
    "test_*quantizelinear_*int[24]": "2- and 4-bit integers: no numpy type",
    "test_*quantizelinear_float4*": "4-bit floats: no numpy type",
    "test_*quantizelinear_blocked*": "quantisation in blocks: refused by name",
    "test_batchnorm_*training_mode": "training mode: refused by name",
    "test_maxpool_with_argmax*": "indices output: refused by name",
    "test_identity_sequence": "sequences are no tensors",
    "test_identity_opt": "optional values are no tensors",
    "test_reduce_m??_empty_set*": "largest and smallest of nothing: numpy has no such number",
}
"""Patterns of case names that are left out, and why."""

LEAST = 492
"""How many cases of the claimed operators ran when this was written, under onnx 1.23."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model and its data sets of inputs and expected outputs."""

    name: str
    model: onnx.ModelProto
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]
    rtol: float
    atol: float

    @property
    def operators(self) -> set[str]:
        return {f"{node.domain}.{node.op_type}".lstrip(".") for node in self.model.graph.node}


def _case(found: Any) -> Case:
    """A case as the loader gives it: in memory, or (older packages) as files in a folder."""
    model, data_sets = found.model, found.data_sets
    if model is None:
        folder = Path(found.model_dir)
        model = onnx.load_model(str(folder / "model.onnx"))
        data_sets = [
            (_tensors(data, "input"), _tensors(data, "output"))
            for data in sorted(folder.glob("test_data_set_*"))
        ]
    return Case(name=found.name, model=model, data_sets=data_sets, rtol=found.rtol, atol=found.atol)


def _tensors(folder: Path, kind: str) -> list[Any]:
    count = len(list(folder.glob(f"{kind}_*.pb")))
    return [TensorProto.FromString((folder / f"{kind}_{i}.pb").read_bytes()) for i in range(count)]


@cache
def _cases() -> tuple[Case, ...]:
    """Every case made of claimed operators alone, less those excluded."""
    with warnings.catch_warnings():
        # The package computes overflows, 0/0 and log(0) as expected outputs, and numpy says so.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        from onnx.backend.test.loader import load_model_tests

        found = load_model_tests(kind="node")
    wanted = (f for f in found if not any(fnmatch(f.name, pattern) for pattern in EXCLUDED))
    cases = map(_case, wanted)
    return tuple(case for case in cases if case.operators and case.operators <= set(OPS))


def _array(value: Any) -> np.ndarray[Any, Any]:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def _run(case: Case) -> None:
    graph = Graph.from_onnx(case.model)
    engine = FloatEngine(graph)
    for inputs, expected in case.data_sets:
        given = {spec.name: _array(value) for spec, value in zip(graph.inputs, inputs, strict=True)}
        outputs = engine.run(given)
        for spec, value in zip(graph.outputs, expected, strict=True):
            wanted = _array(value)
            assert outputs[spec.name].dtype == wanted.dtype
            np.testing.assert_allclose(outputs[spec.name], wanted, rtol=case.rtol, atol=case.atol)


@pytest.mark.parametrize("operator", sorted(OPS))
def test_operator_passes_every_case_that_onnx_ships_for_it(operator: str) -> None:
    """All node tests that use the operator give the expected types and values."""
    cases = [case for case in _cases() if operator in case.operators]
    assert cases, f"onnx has no case for {operator}"
    failed = {}
    for case in cases:
        try:
            _run(case)
        except (AssertionError, ModelError) as e:
            failed[case.name] = str(e).strip().splitlines()[0]
    assert not failed


def test_cases_were_really_found() -> None:
    """The suite cannot shrink unseen: no fewer cases than when it was written."""
    counts = Counter(name for case in _cases() for name in case.operators)
    assert len(_cases()) >= LEAST
    assert counts["Conv"] >= 6 and counts["Pad"] >= 6 and counts["Slice"] >= 9

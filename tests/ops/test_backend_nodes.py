"""The operators against the node tests that the onnx package ships for every backend."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.ops import OPS

EXCLUDED: Mapping[str, str] = {
    "test_cast*FLOAT8*": "8-bit floats: no numpy type",
    "test_cast*FLOAT4*": "4-bit floats: no numpy type",
    "test_cast*BFLOAT16*": "bfloat16: no numpy type",
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


def _operators(case: Any) -> set[str]:
    return {f"{node.domain}.{node.op_type}".lstrip(".") for node in case.model.graph.node}


@cache
def _cases() -> tuple[Any, ...]:
    """Every case made of claimed operators alone, less those excluded."""
    with warnings.catch_warnings():
        # The package computes overflows, 0/0 and log(0) as expected outputs, and numpy says so.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        from onnx.backend.test.loader import load_model_tests

        found = load_model_tests(kind="node")
    return tuple(
        case
        for case in found
        if case.model is not None
        and _operators(case)
        and _operators(case) <= set(OPS)
        and not any(fnmatch(case.name, pattern) for pattern in EXCLUDED)
    )


def _array(value: Any) -> np.ndarray[Any, Any]:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def _run(case: Any) -> None:
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
    cases = [case for case in _cases() if operator in _operators(case)]
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
    counts = Counter(name for case in _cases() for name in _operators(case))
    assert len(_cases()) >= LEAST
    assert counts["Conv"] >= 6 and counts["Pad"] >= 6 and counts["Slice"] >= 9

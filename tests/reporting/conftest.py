"""A record of every verdict, and what `compare-sim` leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.layers import files
from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport, LayerRow
from deployer.records import RunRecord
from tests.reporting import made


@pytest.fixture
def record() -> RunRecord:
    """A clip of every verdict."""
    return made.record()


@pytest.fixture
def stages_json() -> dict[str, Any]:
    """What `deploy compare-sim float fixed --json` prints, in short."""
    flip = {
        "clip": made.EVIL,
        "reference": {"class_id": 1, "margin": 0.2, "label": "<b>cat</b>"},
        "candidate": {"class_id": 2, "margin": None, "label": "rain|wind"},
        "target": 1,
        "target_label": "<b>cat</b>",
    }
    row = {
        "reference": "float",
        "candidate": "fixed",
        "clips": [],
        "cosine_min": 0.98765,
        "rmse_max": 0.12,
        "sqnr_db": 31.4,
        "equal": False,
        "max_abs": 0.5,
        "top1_agreement": 0.75,
        "worst_clip": made.EVIL,
        "flips": [flip],
        "passed": False,
        "failures": ["cosine 0.98765 below 0.99"],
    }
    agreement = {
        "stages": ["float", "fixed"],
        "clips": 4,
        "counts": [[4, 3], [3, 4]],
        "right": [4, 3],
        "known": 4,
        "accuracy": [{"stage": "float", "share": 1.0, "interval": [0.51, 1.0]}],
    }
    return {
        "stages": [{"stage": "float", "detail": "a"}, {"stage": "fixed", "detail": "b"}],
        "comparisons": [row],
        "agreement": agreement,
        "left_out": [],
    }


@pytest.fixture
def layers() -> LayerReport:
    """Three layers; the second one breaks, the third is equal."""
    good = Errors(cosine=0.99999, rmse=0.001, mse=1e-6, sqnr_db=50.0)
    bad = Errors(cosine=0.9, rmse=0.6, mse=0.1, sqnr_db=7.0)
    equal = Errors(cosine=1.0, rmse=0.0, mse=0.0, sqnr_db=float("inf"))
    rows = tuple(
        LayerRow(
            index=index,
            name=name,
            op="conv8",
            shape=(1, 8),
            sources=sources,
            accumulated=errors,
            single=None,
            worst_clip="a.wav",
        )
        for index, (name, sources, errors) in enumerate(
            [("/first", (), good), ("/<second>", ("/first",), bad), ("/third", (), equal)]
        )
    )
    return LayerReport(
        reference="float",
        candidate="fixed",
        reference_detail="a",
        candidate_detail="b",
        clips=("a.wav",),
        rows=rows,
    )


@pytest.fixture
def layers_json(layers: LayerReport) -> dict[str, Any]:
    """The same as `layers.json`."""
    return files.as_data(layers)

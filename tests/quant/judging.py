"""One model quantised in several ways, ours and ONNX Runtime's, calibrated and judged on the same clips."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from board_runner.contract import Array, Tensors
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.quant import calibration, patterns, qdq, scheme, sensitivity
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.ranges import convolutions
from board_runner.quant.scheme import Scheme
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import QuantSettings
from board_runner.quant.statistics import Statistics
from tests.quant import ort_static


def sqnr_db(reference: Array, other: Array) -> float:
    """10 log10 of the reference's energy by that of the difference."""
    exact = reference.astype(np.float64)
    return float(10 * np.log10(np.square(exact).sum() / np.square(exact - other).sum()))


@dataclass(frozen=True, kw_only=True)
class Scored:
    """`equal` counts the clips decided as float decides; `weight_bytes` are those of all weights as stored."""

    logits: Array
    sqnr_db: float
    median_db: float
    worst_db: float
    equal: int
    weight_bytes: int = 0


class Judge:
    """Calibrates once on `calibration`; every form is judged on `clips` against float."""

    def __init__(self, onnx_path: Path, calibration: Sequence[Tensors], clips: Sequence[Tensors]) -> None:
        self._onnx, self._calibration, self._clips = onnx_path, calibration, clips
        self.graph = patterns.rewrite(Graph.load(onnx_path))

    @cached_property
    def reference(self) -> Array:
        """The first output of the float model, such as its logits, a row a clip."""
        model = FloatEngine.load(self._onnx)
        return np.concatenate([model.run(clip)[self._output] for clip in self._clips])

    @property
    def _output(self) -> str:
        return self.graph.outputs[0].name

    @cached_property
    def statistics(self) -> Statistics:
        """Ranges and histograms."""
        return calibration.measure(self.graph, self._calibration, passes=2)

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Sensitivities with L3's ranges, as L5 measures them."""
        base = scheme.decide(self.graph, self.statistics, QuantSettings(level="L3"))
        return sensitivity.measure(self.graph, base, self._calibration, len(self._calibration))

    def ours(self, settings: QuantSettings) -> Scored:
        """Through `*_fixed.sim`, whose integers are those of the image."""
        chooses = settings.effective_level == "L5" and settings.upgrade
        sites = self.sites if chooses else ()
        upgraded = [site.name for site in sites if site.worst > settings.sensitivity_threshold]
        decided = scheme.decide(self.graph, self.statistics, settings, upgraded)
        engine = FixedEngine(qdq.quantised(self.graph, decided))
        logits = np.concatenate([engine.run(clip)[self._output] for clip in self._clips])
        return self._scored(logits, weight_bytes(self.graph, decided))

    def theirs(self, wanted: ort_static.Scheme) -> Scored:
        """ONNX Runtime's static quantisation, calibrated on the same clips."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "quantised.onnx"
            ort_static.write_static(self._onnx, path, self._calibration, wanted)
            return self._scored(ort_static.outputs(path, self._clips), 0)

    def _scored(self, logits: Array, stored: int) -> Scored:
        each = [sqnr_db(a, b) for a, b in zip(self.reference, logits, strict=True)]
        return Scored(
            logits=logits,
            sqnr_db=sqnr_db(self.reference, logits),
            median_db=float(np.median(each)),
            worst_db=min(each),
            equal=int(np.count_nonzero(logits.argmax(1) == self.reference.argmax(1))),
            weight_bytes=stored,
        )


def weight_bytes(graph: Graph, decided: Scheme) -> int:
    """Of all weights of convolutions and dense layers: 1 or 2 bytes each, as fixed.sim and eat.img store them."""
    wide = {node.inputs[1]: decided.bits(node) // 8 for node in convolutions(graph)}
    dense = [n.inputs[1] for n in graph.nodes if n.op_type in ("Gemm", "MatMul")]
    wide |= {name: 2 for name in dense if name in graph.initializers}
    return sum(size * graph.initializers[name].size for name, size in wide.items())

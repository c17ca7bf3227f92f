"""One candidate tried, in any process: converted to a real image, and run on every judged clip."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from board_runner import engine
from board_runner.contract import METADATA_KEY, Array, InputContract
from board_runner.graph import Graph
from board_runner.quant import patterns, qdq
from board_runner.quant.compile import write_image
from board_runner.quant.scheme import Scheme
from deployer import artifacts
from deployer.comparison.clip_set import ClipSet
from deployer.comparison.elsewhere import Asked, tensor_of


@dataclass(frozen=True, kw_only=True)
class Ran:
    """The model's first output of each judged clip, in their order; `invoke_ms` is the median of this process."""

    outputs: tuple[Array, ...]
    image_bytes: int
    invoke_ms: float


@dataclass(kw_only=True)
class Trial:
    """A function of a scheme. Small when it travels; the graph is loaded where it is first used, and kept."""

    onnx: Path
    chip: str
    clips: ClipSet
    judged: Sequence[Asked]
    graph: Graph | None = field(default=None, repr=False)

    def __call__(self, scheme: Scheme) -> Ran:
        """Raises InputError for a clip that cannot be read, or that is not the file that was asked for."""
        self.graph = graph = self.graph or patterns.rewrite(source(self.onnx, self.clips.contract))
        name = self.clips.contract.inputs[0].name
        with tempfile.TemporaryDirectory(prefix="deploy-tune-") as temporary:
            fixed, image = Path(temporary) / artifacts.FIXED, Path(temporary) / artifacts.IMAGE
            qdq.quantised(graph, scheme).save(fixed)
            write_image(fixed, image, chip=self.chip)
            size, runner = image.stat().st_size, engine.load(image)
        outputs, times_ms = [], []
        for index, asked in enumerate(self.judged):
            sample = {name: tensor_of(self.clips, asked)}
            if index == 0:
                runner.run(sample)  # the first run pays for buffers that later ones reuse
            started = time.perf_counter()
            outputs.append(next(iter(runner.run(sample).values())))
            times_ms.append(1e3 * (time.perf_counter() - started))
        return Ran(outputs=tuple(outputs), image_bytes=size, invoke_ms=float(np.median(times_ms)))


def source(onnx: Path, contract: InputContract) -> Graph:
    """The float model with its contract in its metadata."""
    graph = Graph.load(onnx)
    return replace(graph, metadata={**graph.metadata, METADATA_KEY: contract.to_json()})

"""The entries of a quant_file that say again what a scheme says: `--save_quant_info`."""

from __future__ import annotations

from board_runner.graph import Graph
from board_runner.quant.quant_file import Override
from board_runner.quant.ranges import convolutions
from board_runner.quant.scheme import Scheme


def entries(graph: Graph, scheme: Scheme) -> list[Override]:
    """Ranges of all tensors in 16 bits, of uint8 inputs in 8, and scales of the weights of convolutions.

    A quant_file of these gives the same fixed model from the same float model, at any level and from any samples.
    """
    found = [_range(name, 16, limits) for name, limits in scheme.ranges.items()]
    narrow = [node.inputs[0] for node in convolutions(graph) if scheme.bits(node) == 8]
    found += [_range(name, 8, scheme.narrow[name]) for name in dict.fromkeys(narrow)]
    for (name, bits), tops in scheme.tops.items():
        high = tuple(float(top) for top in tops)
        low = tuple(-top for top in high)
        data = scheme.constants.get(name)
        values = None if data is None else tuple(float(value) for value in data.ravel())
        found.append(Override(name=name, bits=16 if bits == 16 else 8, low=low, high=high, data=values))
    weights = {name for name, _ in scheme.tops}
    for name, data in scheme.constants.items():
        if name not in weights:
            found.append(Override(name=name, bits=16, data=tuple(float(value) for value in data.ravel())))
    return found


def _range(name: str, bits: int, limits: tuple[float, float]) -> Override:
    return Override(name=name, bits=16 if bits == 16 else 8, low=(limits[0],), high=(limits[1],))

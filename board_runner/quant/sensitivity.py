"""How much noise each convolution brings to the model's output when it alone takes 8 bits."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from board_runner.contract import Array, Tensors
from board_runner.graph import Graph, Node
from board_runner.plan.program import Program, node_step, per_op
from board_runner.quant import carried, weights
from board_runner.quant.levels import through_int8, through_uint8
from board_runner.quant.observe import Samples, each
from board_runner.quant.ranges import conv_inputs, convolutions
from board_runner.quant.scheme import Scheme

LOOKS = 8
"""Look i takes calibration sample i * n // LOOKS of n, and levels moved by (i + 1/2) / LOOKS - 1/2 of a level.

Silence makes constants of whole tensors, whose rounding error depends on where the levels happen to lie, and
an earlier layer's noise moves that place. Without moving them, a lucky place would pass for an insensitive layer.
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """All convolutions that read one tensor: the unit that `tensor_arrays` can name.

    `sensitivity` is |y8 - y| / |y| at the model's output, y in float and y8 with this site in 8 bits and all
    else in float: Euclidean norms over all outputs of all looks. `worst` is the largest of single looks, which
    the threshold of L4 and L5 is held against. `weights` counts its weights.
    """

    name: str
    sensitivity: float
    worst: float
    weights: int
    first: bool

    @property
    def extra_bytes(self) -> int:
        """What 16 bits cost in the image: a byte more a weight."""
        return self.weights


def measure(graph: Graph, scheme: Scheme, samples: Samples, count: int) -> tuple[Site, ...]:
    """Every site in graph order; `count` is how many samples there are. Sums by math.fsum, exactly rounded."""
    looks: dict[int, list[float]] = {}
    for i in range(LOOKS):
        looks.setdefault(i * count // LOOKS, []).append((i + 0.5) / LOOKS - 0.5)
    names = conv_inputs(graph)
    probes = {name: _Probe(graph, scheme, name) for name in names}
    kept = set().union(*(probe.reads for probe in probes.values()), _outputs(graph))
    reference = per_op(graph, kept)
    noise: dict[str, list[float]] = {name: [] for name in names}
    signal: list[float] = []
    for index, sample in _chosen(samples, looks):
        values = reference.run(sample)
        energy = _energy(values[name] for name in _outputs(graph))
        for shift in looks[index]:
            signal.append(energy)
            for name, probe in probes.items():
                noise[name].append(probe.noise(values, shift))
    power = math.fsum(signal)
    return tuple(
        Site(
            name=name,
            sensitivity=math.sqrt(math.fsum(noise[name]) / power) if power > 0 else 0.0,
            worst=max(
                (math.sqrt(n / p) for n, p in zip(noise[name], signal, strict=True) if p > 0), default=0.0
            ),
            weights=sum(graph.initializers[node.inputs[1]].size for node in _readers(graph, name)),
            first=convolutions(graph)[0].inputs[0] == name,
        )
        for name in names
    )


class _Probe:
    """The part of the graph behind one site, with the site's input and weights in 8 bits."""

    def __init__(self, graph: Graph, scheme: Scheme, name: str) -> None:
        self._name, self._limits, self._outputs = name, scheme.narrow[name], _outputs(graph)
        readers = {node.outputs[0] for node in _readers(graph, name)}
        constants, nodes, changed = dict(graph.initializers), list[Node](), set(readers)
        for original in graph.nodes:
            node = original
            if node.outputs[0] in readers:
                weight = node.inputs[1]
                tops = scheme.tops.get((weight, 8))
                value = graph.initializers[weight]
                constants[f"{weight}/8"] = through_int8(
                    value, weights.search(value) if tops is None else tops
                )
                node = replace(node, inputs=(f"{name}/u8", f"{weight}/8", *node.inputs[2:]))
            elif changed.isdisjoint(node.inputs):
                continue
            changed.update(node.outputs)
            nodes.append(node)
        steps = [node_step(node, graph.opset) for node in nodes]
        self._program = Program.of(steps, constants, self._outputs)
        given = {name for node in nodes for name in node.inputs if name and name not in constants}
        self.reads = frozenset((given - changed - {f"{name}/u8"}) | {name})

    def noise(self, values: Mapping[str, Array], shift: float) -> float:
        """Sum of squared differences at the outputs, against the float run that `values` come from."""
        narrowed = through_uint8(values[self._name], self._limits, shift)
        given = {name: values[name] for name in self.reads if name in values}
        result = self._program.run({**given, f"{self._name}/u8": narrowed})
        return _energy(result[name] - values[name] for name in self._outputs if name in result)


def _readers(graph: Graph, name: str) -> list[Node]:
    return [node for node in convolutions(graph) if node.inputs[0] == name]


def _outputs(graph: Graph) -> list[str]:
    """Those that are not state: its noise counts by what the answers make of it."""
    return carried.answers(graph)


def _chosen(samples: Samples, wanted: Collection[int]) -> Iterator[tuple[int, Tensors]]:
    last = max(wanted)
    for index, sample in enumerate(each(samples)):
        if index in wanted:
            yield index, sample
        if index == last:
            return


def _energy(arrays: Iterator[Array]) -> float:
    return math.fsum(float(v) ** 2 for array in arrays for v in array.ravel())

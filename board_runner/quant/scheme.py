"""What a quantised model is made from: a range for every tensor, scales for weights, bits for convolutions."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from board_runner.contract import Array
from board_runner.errors import ModelError
from board_runner.graph import Graph, Node
from board_runner.quant import statistics, weights
from board_runner.quant.quant_file import Override
from board_runner.quant.ranges import Ranges, before_limits, conv_inputs, convolutions
from board_runner.quant.settings import ConvKind, QuantSettings
from board_runner.quant.statistics import Statistics


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """All that `qdq.quantised` reads beside the graph.

    `ranges` are those of int16 levels; `narrow` those of the uint8 levels of convolution inputs; `tops` the
    magnitude that becomes the highest level, float32[M] by (weight, bits); `wide` the outputs of the
    convolutions that take 16 bits; `constants` values that replace the graph's.
    """

    ranges: Ranges
    narrow: Ranges
    tops: Mapping[tuple[str, int], Array]
    wide: frozenset[str]
    constants: Mapping[str, Array] = field(default_factory=dict)

    def bits(self, conv: Node) -> int:
        """8 or 16."""
        return 16 if conv.outputs[0] in self.wide else 8


def decide(
    graph: Graph, measured: Statistics, settings: QuantSettings, upgraded: Collection[str] = ()
) -> Scheme:
    """The scheme that the settings give; `upgraded` names first inputs that take 16 bits beside.

    Raises ModelError for names that are not the graph's, and for overrides that do not fit.
    """
    check_inputs(graph, settings.int16_inputs)
    constants = _constants(graph, settings)
    wide = frozenset(
        node.outputs[0]
        for index, node in enumerate(convolutions(graph))
        if _is_wide(node, kind_of(graph, node), settings, upgraded, first=index == 0)
    )
    ranges, narrow = _ranges(graph, measured, settings)
    tops: dict[tuple[str, int], Array] = {}
    for node in convolutions(graph):
        name, bits = node.inputs[1], 16 if node.outputs[0] in wide else 8
        value = constants.get(name, graph.initializers.get(name))
        if value is None:
            raise ModelError(f"{node.name}: its weight {name!r} is not a constant")
        searched = bits == 8 and settings.effective_level >= "L2"
        tops[name, bits] = weights.search(value) if searched else weights.tops(value)
    scheme = Scheme(ranges=ranges, narrow=narrow, tops=tops, wide=wide, constants=constants)
    return _overridden(graph, scheme, settings)


def kind_of(graph: Graph, conv: Node) -> ConvKind:
    """A convolution is depthwise when each of its groups has one input channel, and there are several."""
    groups = int(conv.attributes.get("group", 1))
    return "depthwise" if groups > 1 and graph.initializers[conv.inputs[1]].shape[1] == 1 else "conv2d"


def check_inputs(graph: Graph, names: Collection[str]) -> None:
    """Raises ModelError for a name that is no convolution's first input, with the nearest that is."""
    known = conv_inputs(graph)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ModelError(
                f"{name!r} is not the first input of a convolution",
                hint=f"did you mean {near[0]!r}?" if near else f"the first of them is {known[0]!r}",
            )


def _is_wide(
    node: Node, kind: ConvKind, settings: QuantSettings, upgraded: Collection[str], *, first: bool
) -> bool:
    data, weight = node.inputs[:2]
    for name in (weight, data):
        if bits := {override.bits for override in settings.overrides.get(name, ()) if override.has_range}:
            return 8 not in bits
    if settings.conv_bits == 16 or kind in settings.int16_kinds or data in upgraded:
        return True
    return data in settings.int16_inputs and not first


def _ranges(graph: Graph, measured: Statistics, settings: QuantSettings) -> tuple[Ranges, Ranges]:
    ranges, narrow = {**measured.ranges, **before_limits(graph, measured.ranges)}, dict(measured.ranges)
    methods = {"fitted": statistics.fit, "percentile": statistics.percentile}
    if settings.method != "minmax":
        narrow |= {name: methods[settings.method](h) for name, h in measured.histograms.items()}
    for name, overrides in settings.overrides.items():
        for override in overrides:
            if name in ranges and override.has_range:
                (narrow if override.bits == 8 else ranges)[name] = override.limits
    return ranges, narrow


def _constants(graph: Graph, settings: QuantSettings) -> dict[str, Array]:
    """Values that a quant_file replaces, in the shape of the graph's."""
    replaced = {}
    for name, overrides in settings.overrides.items():
        for override in overrides:
            if override.data is None:
                continue
            if name not in graph.initializers:
                raise ModelError(f"quant_file: {name!r} has data, and is not a constant of the model")
            old = graph.initializers[name]
            if len(override.data) != old.size:
                raise ModelError(
                    f"quant_file: {name!r} has {len(override.data)} values, the model's has {old.size}"
                )
            replaced[name] = np.asarray(override.data, np.float32).reshape(old.shape)
    return replaced


def _overridden(graph: Graph, scheme: Scheme, settings: QuantSettings) -> Scheme:
    """Weight scales of a quant_file; and every entry must have found its place."""
    tops = dict(scheme.tops)
    weight_names = {name for name, _ in tops}
    inputs = set(conv_inputs(graph))
    for name, overrides in settings.overrides.items():
        for override in overrides:
            if name in weight_names:
                if (name, override.bits) in tops and override.has_range:
                    tops[name, override.bits] = _tops(override, tops[name, override.bits])
            elif name in scheme.ranges:
                if override.bits == 8 and name not in inputs:
                    raise ModelError(
                        f"quant_file: {name!r} cannot have 8 bits",
                        hint="only the first inputs and the weights of convolutions can",
                    )
            elif override.data is None:
                raise ModelError(f"quant_file: the model has no tensor {name!r} that takes a range")
    return Scheme(
        ranges=scheme.ranges, narrow=scheme.narrow, tops=tops, wide=scheme.wide, constants=scheme.constants
    )


def _tops(override: Override, old: Array) -> Array:
    magnitudes = np.maximum(np.abs(override.low), np.abs(override.high)).astype(np.float32)
    if magnitudes.size not in (1, old.size):
        raise ModelError(
            f"quant_file: {override.name!r} has {magnitudes.size} ranges, its weight {old.size} channels"
        )
    return np.broadcast_to(magnitudes, old.shape).copy()

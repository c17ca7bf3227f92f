"""Hold two stages against each other, a clip at a time and a layer at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from board_runner.contract import Array
from board_runner.errors import UsageError
from board_runner.integer.layers import Layers
from deployer.comparison.layouts import aligned
from deployer.events import Advanced, Emit, Finished, Started
from deployer.layers.measure import Sums
from deployer.layers.report import LayerReport, LayerRow, Unmatched
from deployer.layers.shown import LayerStage, Shown

STEP = "layers"

Keep = Callable[[str, int, str, Mapping[str, Array]], None]
"""clip, index, layer, and its tensors called `reference`, `candidate` and, where there is one, `single`."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two stages and what is known of the candidate's graph.

    `alone` runs a layer of the candidate by itself; where it is None, `no_single` says why. `sources` names
    what a layer reads; a layer that it does not know is taken to read the one before it.
    """

    reference: LayerStage
    candidate: LayerStage
    input_name: str
    sources: Mapping[str, Sequence[str]]
    alone: Layers | None = None
    no_single: str = ""


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One clip. By name it gives the reference's tensors and the model's inputs, read when asked for."""

    clip: str
    inputs: Mapping[str, Array]
    reference: Shown
    candidate: Shown

    def __contains__(self, name: str) -> bool:
        return name in self.reference.tensors or name in self.inputs

    def __getitem__(self, name: str) -> Array:
        return self.reference.tensors[name] if name in self.reference.tensors else self.inputs[name]


@dataclass
class _Layer:
    index: int
    op: str
    shape: tuple[int, ...]
    accumulated: Sums = field(default_factory=Sums)
    single: Sums | None = None
    worst: tuple[float, str] = (-1.0, "")


@dataclass
class _Found:
    layers: dict[str, _Layer] = field(default_factory=dict)
    only_reference: dict[str, str] = field(default_factory=dict)
    only_candidate: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[str, str]] = field(default_factory=dict)


def analyse(pair: Pair, clips: Mapping[str, Array], *, emit: Emit, keep: Keep | None = None) -> LayerReport:
    """Run every clip through both stages and sum up what each layer differs by; one clip is held at a time.

    `clips` is read once, a clip when its turn comes.

    Raises UsageError when no layer has the same name on both sides, and what the stages raise.
    """
    emit(Started(step=STEP, total=len(clips), unit="clips"))
    found = _Found()
    for done, (clip, tensor) in enumerate(clips.items(), start=1):
        _clip(pair, clip, tensor, found, keep)
        emit(Advanced(step=STEP, done=done, total=len(clips), note=clip))
    if not found.layers:
        raise UsageError(
            f"{pair.reference.stage} and {pair.candidate.stage} have no layer of the same name",
            hint="convert both from one ONNX model, with `disableDomainFuseOps` in the vendor's DebugConfig.txt",
        )
    report = _report(pair, tuple(clips), found)
    emit(Finished(step=STEP, note=f"{len(report.rows)} layers, {len(report.suspicious)} suspicious"))
    return report


def _clip(pair: Pair, clip: str, tensor: Array, found: _Found, keep: Keep | None) -> None:
    with pair.reference.show(clip, tensor) as reference, pair.candidate.show(clip, tensor) as candidate:
        run = _Run(clip=clip, inputs={pair.input_name: tensor}, reference=reference, candidate=candidate)
        _layers(pair, run, found, keep)


def _layers(pair: Pair, run: _Run, found: _Found, keep: Keep | None) -> None:
    for name in run.reference.tensors:
        if name not in run.candidate.tensors:
            found.only_reference[name] = run.reference.ops.get(name, "")
    for index, name in enumerate(run.candidate.tensors):
        op = run.candidate.ops.get(name, "")
        if name not in run:
            found.only_candidate[name] = op
            continue
        b = run[name]
        try:
            a = aligned(run.candidate.tensors[name], b).tensor
        except UsageError as e:
            found.shapes[name] = (op, str(e))
            continue
        if pair.alone is not None and name in pair.alone.names:
            op = pair.alone.op(name)  # says 8 or 16 bit, which a dump does not
        layer = found.layers.setdefault(name, _Layer(index=index, op=op, shape=a.shape))
        _add(layer, run.clip, a, b)
        alone = _alone(pair.alone, name, run)
        if alone is not None:
            layer.single = layer.single or Sums()
            layer.single.add(alone, b)
        if keep is not None:
            keep(run.clip, index, name, {"reference": b, "candidate": a} | _single(alone))


def _alone(layers: Layers | None, name: str, run: _Run) -> Array | None:
    if layers is None or name not in layers.names:
        return None
    sources = layers.sources(name)
    if any(source not in run for source in sources):
        return None
    return layers.run(name, {source: run[source] for source in sources})


def _single(alone: Array | None) -> dict[str, Array]:
    return {} if alone is None else {"single": alone}


def _add(layer: _Layer, clip: str, candidate: Array, reference: Array) -> None:
    sums = Sums()
    sums.add(candidate, reference)
    layer.accumulated.merge(sums)
    noise = sums.errors().noise_ratio
    if noise > layer.worst[0] or not layer.worst[1]:
        layer.worst = (noise, clip)


def _report(pair: Pair, clips: tuple[str, ...], found: _Found) -> LayerReport:
    rows: list[LayerRow] = []
    for name, layer in found.layers.items():
        before = (rows[-1].name,) if rows else ()
        read = _read(name, pair.sources, found.layers) if name in pair.sources else before
        rows.append(
            LayerRow(
                index=layer.index,
                name=name,
                op=layer.op,
                shape=layer.shape,
                sources=read,
                accumulated=layer.accumulated.errors(),
                single=layer.single.errors() if layer.single is not None else None,
                worst_clip=layer.worst[1],
            )
        )
    return LayerReport(
        reference=pair.reference.stage,
        candidate=pair.candidate.stage,
        reference_detail=pair.reference.detail,
        candidate_detail=pair.candidate.detail,
        clips=clips,
        rows=tuple(rows),
        only_reference=_unmatched(found.only_reference, f"fused or folded away in {pair.candidate.stage}"),
        only_candidate=_unmatched(found.only_candidate, f"no tensor of this name in {pair.reference.stage}"),
        shapes_differ=tuple(
            Unmatched(name=name, op=op, why=shapes) for name, (op, shapes) in found.shapes.items()
        ),
        no_single=pair.no_single,
    )


def _read(name: str, sources: Mapping[str, Sequence[str]], layers: Mapping[str, _Layer]) -> tuple[str, ...]:
    """What a layer reads of what was compared; past tensors that were not, to what they are made from."""
    found: dict[str, None] = {}
    waiting, seen = list(sources[name])[::-1], {name}
    while waiting:
        source = waiting.pop()
        if source in layers:
            found[source] = None
        elif source not in seen:
            waiting += list(sources.get(source, ()))[::-1]
        seen.add(source)
    return tuple(found)


def _unmatched(names: Mapping[str, str], why: str) -> tuple[Unmatched, ...]:
    return tuple(Unmatched(name=name, op=op, why=why) for name, op in names.items())

"""`deploy models`."""

from __future__ import annotations

import click
from rich.table import Table

from board_runner.contract import TensorSpec
from deployer import catalogue
from deployer.catalogue import ModelFacts, Variant
from deployer.cli.console import results
from deployer.cli.options import Session, common


@click.command("models")
@click.argument("name", required=False)
@common
def command(session: Session, *, name: str | None) -> None:
    """List the models that `deploy` knows: sizes, input, metric, stages that work, licence of published weights.

    With NAME one of them in detail.
    """
    if name is not None:
        facts = catalogue.of(name)
        session.show(facts.as_data(), lambda: _detail(facts))
        return
    known = catalogue.every()
    session.show([facts.as_data() for facts in known], lambda: _table(known))


def _table(known: list[ModelFacts]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("model", "variant"):
        table.add_column(column, no_wrap=True)
    for column in ("parameters", "MACs"):
        table.add_column(column, no_wrap=True, justify="right")
    for column in ("input", "output", "metric", "stages", "licence upstream"):
        table.add_column(column)
    for facts in known:
        licences = ", ".join(dict.fromkeys(entry.licence for entry in facts.upstream))
        contract = facts.contract
        shared = [
            f"{_spec(contract.inputs[0])} at {contract.sample_rate_hz} Hz",
            contract.outputs[0].name,
            facts.metric,
            " ".join(facts.stages),
            licences,
        ]
        for number, variant in enumerate(facts.variants):
            first = number == 0
            sizes = (variant.name, _count(variant.parameters), _count(variant.multiplications))
            table.add_row(facts.name if first else "", *sizes, *(shared if first else ()))
    results().print(table)
    click.echo("\n`deploy models NAME` shows one in detail: what its MACs are counted on, and what it lacks.")


def _detail(facts: ModelFacts) -> None:
    contract = facts.contract
    lines = [f"{facts.name}: {facts.title}", f"  audio      {contract.sample_rate_hz} Hz, mono"]
    lines += [f"  input      {_spec(spec)}" for spec in contract.inputs]
    lines += [f"  output     {_spec(spec)}" for spec in contract.outputs]
    told = ", ".join(f"{key} {value}" for key, value in contract.front_end.items())
    lines += [
        f"  front end  {told}",
        f"  metric     {facts.metric}",
        f"  stages     {' '.join(facts.stages)}",
    ]
    if facts.lacks:
        missing = " ".join(stage for stage in catalogue.STAGES if stage not in facts.stages)
        lines.append(f"  lacks      {missing}: {facts.lacks}")
    for entry in facts.upstream:
        mapped = f"; names by configs/weights/{entry.names}.yaml, {entry.tried}" if entry.names else ""
        lines.append(f"  weights    {entry.source}: licence {entry.licence}{mapped}")
    lines.append(f"  MACs       multiply-accumulates of {facts.counted_on}")
    lines += [_sizes(variant) for variant in facts.variants]
    click.echo("\n".join(lines))


def _sizes(variant: Variant) -> str:
    classes = f", {variant.classes} classes" if variant.classes is not None else ""
    macs = "depend on the clip" if variant.multiplications is None else _count(variant.multiplications)
    return f"  {variant.name:<10} {_count(variant.parameters)} parameters, MACs {macs}{classes}"


def _spec(spec: TensorSpec) -> str:
    sizes = "x".join("?" if size == -1 else str(size) for size in spec.shape)
    return f"{spec.name} {sizes} {spec.dtype}"


def _count(value: int | None) -> str:
    """Digits in threes; a dash for what is not one number."""
    return "-" if value is None else f"{value:,}".replace(",", " ")

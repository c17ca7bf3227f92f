"""`deploy doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from deployer.cli.console import results
from deployer.cli.options import Session, common
from deployer.errors import CheckFailed
from deployer.project import Project
from deployer.support import bundle as support_bundle
from deployer.support import doctor
from deployer.support.doctor import Finding, State

_COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "red", State.UNUSED: "dim"}


@click.command("doctor")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a .tar.gz to attach to a question; secrets are taken out.",
)
@common
def command(session: Session, bundle: Path | None) -> None:
    """Say what works on this machine, and what to do about what does not."""
    project = Project(session.deployment)
    findings = doctor.examine(project)
    packed = support_bundle.write(bundle, project, findings) if bundle is not None else []
    value = {"findings": [asdict(finding) for finding in findings], "bundle": packed}
    session.show(value, lambda: _show(findings, bundle, packed))
    failed = [finding.name for finding in findings if finding.state is State.FAIL]
    if failed:
        raise CheckFailed(f"{', '.join(failed)}: not usable", hint="the cures are in the table above")


def _show(findings: list[Finding], bundle: Path | None, packed: list[str]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "check", "what", "cure"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.state]
        table.add_row(f"[{colour}]{finding.state}[/]", finding.name, finding.what, finding.cure)
    results().print(table)
    if bundle is not None:
        click.echo(f"{bundle}: {len(packed)} files; look through them before you send them")

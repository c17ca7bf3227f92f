"""`deploy parse`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from deployer import pipeline, report
from deployer.cli.options import Session, common
from deployer.errors import ProgramFailed
from deployer.project import Project


@click.command("parse")
@click.argument("log", type=click.File("rb"))
@click.option("--save", is_flag=True, help="Keep the runs as a run record.")
@common
def command(session: Session, log: click.utils.LazyFile, save: bool) -> None:
    """Turn LOG, a pasted serial or telnet log (a file, or - for stdin), into a table and a run record."""
    project = Project(session.deployment)
    name = Path(str(getattr(log, "name", "-"))).name
    record = pipeline.parse_log(project, log.read(), source=name)
    path = record.save(project.runs_dir) if save else None

    def text() -> None:
        console = Console()
        console.print(report.clip_table(record))
        for line in report.summary_lines(record):
            console.print(line, highlight=False)
        for failure in record.failures:
            console.print(f"[yellow]no result:[/] {failure.clip}: {failure.reason}", highlight=False)
        if path is not None:
            console.print(f"record: {path}", highlight=False, soft_wrap=True)

    session.show(report.as_data(record), text)
    if not record.samples:
        raise ProgramFailed(
            f"{name}: no complete run in this log", hint="a run ends with a line `class id: N`"
        )

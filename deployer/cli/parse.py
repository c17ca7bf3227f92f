"""`deploy parse`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deployer.cli.console import results
from deployer.cli.options import Session, common
from deployer.errors import ProgramFailed
from deployer.logs import paste
from deployer.project import Project
from deployer.reporting import data, terminal


@click.command("parse")
@click.argument("log", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--save", is_flag=True, help="Keep the runs as a run record.")
@common
def command(session: Session, log: Path, save: bool) -> None:
    """Turn LOG, a pasted serial or telnet log (a file, or - for stdin), into a table and a run record."""
    project = Project(session.deployment)
    piped = str(log) == "-"
    name = "stdin" if piped else log.name
    record = paste.parse_log(
        sys.stdin.buffer.read() if piped else log.read_bytes(),
        source=name,
        model=project.model_name,
        labels=project.labels,
    )
    if save:
        project.history().add(record)

    def text() -> None:
        console = results()
        if record.samples:
            console.print(terminal.clip_table(record))
        for line in terminal.summary_lines(record):
            console.print(line)
        for failure in record.failures:
            console.print(f"[yellow]no result:[/] {failure.clip}: {failure.reason}")
        if save:
            console.print(f"run: {record.id}")

    session.show(data.of_record(record), text)
    if not record.samples:
        raise ProgramFailed(
            f"{name}: no complete run in this log",
            hint="a run ends with its result line, such as `class id: N`",
        )

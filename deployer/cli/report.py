"""`deploy report`."""

from __future__ import annotations

from pathlib import Path

import click

from deployer import records, report
from deployer.cli.options import Session, common
from deployer.project import Project


@click.command("report")
@click.argument("run", required=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
@common
def command(session: Session, run: str | None, out: Path | None) -> None:
    """Show the run RUN (a path, an id or its beginning, a tag; default: the newest) as Markdown or JSON."""
    import json

    as_file = run is not None and Path(run).is_file()
    record = records.load(Path(str(run))) if as_file else Project(session.deployment).history().record(run)
    if session.as_json:
        text = json.dumps(report.as_data(record), indent=2, ensure_ascii=False)
    else:
        text = report.as_markdown(record).rstrip()
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")

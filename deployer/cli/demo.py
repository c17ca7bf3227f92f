"""`deploy demo`."""

from __future__ import annotations

from pathlib import Path

import click

from deployer import demo, pipeline
from deployer.cli import bench as bench_command
from deployer.cli import compared
from deployer.cli.options import Session, common
from deployer.project import Project
from deployer.reporting import data, markdown
from deployer.reporting.page import page


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for the demo project.",
)
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each clip.")
@common
def command(session: Session, out: Path, runs: int) -> None:
    """Run the whole chain on real audio against the built-in board: no hardware, no vendor tools."""
    with session.progress() as emit, demo.project(out.resolve(), runs=runs) as deployment:
        project = Project(deployment)
        done = pipeline.run_all(project, deployment.board(None), emit=emit)
    written = out / "report.md"
    written.write_text(markdown.as_markdown(page([done.benched.record])), encoding="utf-8")
    value = {
        "comparison": compared.as_data(done.compared),
        "bench": data.of_record(done.benched.record),
        "report": str(written),
    }

    def text() -> None:
        compared.show(done.compared)
        bench_command.show(done.benched)
        click.echo(f"report: {written}")

    session.show(value, text)
    done.benched.raise_failure()
    done.compared.raise_failure()

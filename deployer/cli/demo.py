"""`deploy demo`."""

from __future__ import annotations

from pathlib import Path

import click

from deployer import demo, pipeline, whole_file
from deployer.cli import bench as bench_command
from deployer.cli import compared
from deployer.cli.options import Session, common
from deployer.project import Project
from deployer.records import RunRecord
from deployer.reporting import data, html, markdown
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
    written, drawn = reports(done.benched.record, out, clips_dir=project.clips_dir)
    value = {
        "comparison": compared.as_data(done.compared),
        "bench": data.of_record(done.benched.record),
        "report": str(written),
        "html": str(drawn),
    }

    def text() -> None:
        compared.show(done.compared)
        bench_command.show(done.benched)
        click.echo(f"report: {drawn} (and {written.name})")

    session.show(value, text)
    done.benched.raise_failure()
    done.compared.raise_failure()


def reports(record: RunRecord, out: Path, *, clips_dir: Path) -> tuple[Path, Path]:
    """Both pages of a run in `out`: Markdown to read here, HTML to look at."""
    shown = page([record])
    written, drawn = out / "report.md", out / "report.html"
    whole_file.write(written, markdown.as_markdown(shown).encode())
    whole_file.write(drawn, html.as_html(shown, clips_dir=clips_dir).encode())
    return written, drawn

"""`deploy all`."""

from __future__ import annotations

import click

from deployer import pipeline, report
from deployer.cli import bench as bench_command
from deployer.cli import compare_sim
from deployer.cli.options import Session, board, common
from deployer.project import Project


@click.command("all")
@board
@common
def command(session: Session, board_name: str | None) -> None:
    """Export, convert, build, push, bench and compare, skipping what is current."""
    project = Project(session.deployment)
    with session.progress() as emit:
        done = pipeline.run_all(project, session.deployment.board(board_name), emit=emit)

    def text() -> None:
        compare_sim.show(done.compared)
        bench_command.show(done.benched)

    value = {
        "comparison": compare_sim.as_data(done.compared),
        "bench": report.as_data(done.benched.record),
    }
    session.show(value, text)
    done.benched.raise_failure()
    done.compared.raise_failure()

"""`deploy all`."""

from __future__ import annotations

import click

from deployer import pipeline
from deployer.cli import bench as bench_command
from deployer.cli import compared
from deployer.cli import push as push_command
from deployer.cli.options import Session, board, common, dry_run
from deployer.project import Project
from deployer.reporting import data


@click.command("all")
@board
@dry_run
@common
def command(session: Session, board_name: str | None, dry_run: bool) -> None:
    """Export, convert, build, push, bench and compare, skipping what is current."""
    project = Project(session.deployment)
    if dry_run:
        push_command.push_one(session, project, session.deployment.board(board_name), dry_run=True)
        return
    config = session.deployment.board(board_name)
    with session.progress(board=config.name) as emit:
        done = pipeline.run_all(project, config, emit=emit)

    def text() -> None:
        compared.show(done.compared)
        bench_command.show(done.benched)

    value = {
        "comparison": compared.as_data(done.compared),
        "bench": data.of_record(done.benched.record),
    }
    session.show(value, text)
    done.benched.raise_failure()
    done.compared.raise_failure()

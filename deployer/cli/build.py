"""`deploy build`."""

from __future__ import annotations

from dataclasses import asdict

import click

from deployer import build
from deployer.building import configured
from deployer.building.job import BuildJob
from deployer.cli.options import Session, common, dry_run
from deployer.project import Project


@click.command("build")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--clean", is_flag=True, help="`make clean` first; it drops every program of the SDK's out/.")
@click.option("--force", is_flag=True, help="Ask make even if nothing has changed.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Compilers at once; else sdk.jobs, or a core each."
)
@dry_run
@common
def command(
    session: Session, *, targets: tuple[str, ...], clean: bool, force: bool, jobs: int | None, dry_run: bool
) -> None:
    """Build the board program, and the simulator where there is one, with the SDK of deploy.yaml.

    TARGET is a folder below opendla's source/, such as sed/eat. Without `sdk:` in deploy.yaml the built-in
    stand-in builds this project's own C programs for aarch64.
    """
    project = Project(session.deployment)
    work = configured.jobs(project, targets, clean=clean, jobs=jobs)
    if dry_run:
        plans = {job.name: _plan(job, force=force) for job in work}
        session.show({"would_run": plans}, lambda: _show(plans))
        return
    with session.progress() as emit:
        built = [build.build(job, force=force, emit=emit) for job in work]

    def text() -> None:
        for each in built:
            click.echo(each.path)

    value = [
        {"program": each.name, "path": str(each.path), "fresh": each.fresh, **asdict(each.artifacts.manifest)}
        for each in built
    ]
    session.show(value, text)


def _plan(job: BuildJob, *, force: bool) -> list[str]:
    planned = build.plan(job, force=force)
    why = [f"# make clean: {planned.why_clean}"] if planned.why_clean and planned.current is None else []
    return [*why, *planned.commands(job)]


def _show(plans: dict[str, list[str]]) -> None:
    for name, lines in plans.items():
        click.echo("\n".join(lines) if lines else f"# {name} is current")

"""`deploy explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployer.cli.options import Session, board, common

if TYPE_CHECKING:
    from deployer.explaining.explain import Explanation


@click.command("explain")
@click.argument("run", required=False)
@click.option("--offline", is_flag=True, help="Ask no board: the record and this machine's files alone.")
@click.option(
    "--scores",
    type=click.Path(path_type=Path, exists=True),
    help="The board's raw scores as kept: a dump, a print, .npy, or a folder of them named after clips.",
)
@board
@common
def command(
    session: Session, run: str | None, offline: bool, scores: Path | None, board_name: str | None
) -> None:
    """Say why the board of RUN (a path, an id or its beginning, a tag; default: the newest) is wrong.

    Checks in order: the bytes on the board, chip and toolchain, the input contract, dequantisation, stale or
    truncated output, label order, and a replay of the board's own bytes in the simulator. The first cause that is
    proven is named, with its cure, and the exit code is 1; 0 when none is.
    """
    from deployer import records
    from deployer.errors import BoardUnreachable
    from deployer.explaining import explain as explaining
    from deployer.project import Project

    project = Project(session.deployment)
    as_file = run is not None and Path(run).is_file()
    record = records.load(Path(str(run))) if as_file else project.history().record(run)
    known = board_name or next(
        (name for name in (record.board.name, record.board.address) if name in session.deployment.boards),
        None,
    )
    config = None if offline else session.deployment.board(known or record.board.address)
    with session.progress() as emit:
        try:
            done = explaining.explain(project, record, config, kept_scores=scores, emit=emit)
        except BoardUnreachable as e:
            e.hint = (
                f"{e.hint}; --offline judges by the record alone" if e.hint else "--offline asks no board"
            )
            raise
    session.show(explaining.as_data(done), lambda: show(done))
    done.raise_failure()


_MARKS = {"proven": "[red]PROVEN[/]", "fine": "[green]fine[/]", "cannot tell": "[yellow]cannot tell[/]"}


def show(done: Explanation) -> None:
    """A line a check, its evidence under it, and the cause at the end."""
    from rich.markup import escape

    from deployer.cli.console import results

    console = results()
    where = f"on {done.board}" if done.board is not None else "no board asked"
    console.print(f"run {done.run}, {where}")
    for number, finding in enumerate(done.findings, start=1):
        console.print(f"{number}. {finding.check}: {_MARKS[finding.verdict]}: {escape(finding.what)}")
        for line in finding.evidence:
            console.print(f"   [dim]{escape(line)}[/]")
        if finding.cure and finding.verdict == "cannot tell":
            console.print(f"   [dim]to tell: {escape(finding.cure)}[/]")
    if done.cause is None:
        open_ = [finding.check for finding in done.findings if finding.verdict == "cannot tell"]
        rest = f"; not told: {', '.join(open_)}" if open_ else ""
        console.print(f"no cause proven{rest}")

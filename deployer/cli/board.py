"""`deploy board`: what there is, what it is, and the small deeds around it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from board_runner.errors import UsageError
from deployer.board import ssh
from deployer.board.config import as_data
from deployer.cli import board_add, board_run, emulate, fleet, probed
from deployer.cli.console import print_table, results
from deployer.cli.options import Asked, Session, boards, chosen, common, named
from deployer.fleet import jobs
from deployer.fleet.select import select
from deployer.settings.config_errors import nearest


@click.group("board")
def command() -> None:
    """List, add, ask, use, find, forget or simulate boards."""


@command.command("list")
@click.option("--resources", is_flag=True, help="As the words of `dask worker --resources`.")
@chosen
@common
def list_boards(session: Session, asked: Asked, *, resources: bool) -> None:
    """Show the boards of the inventory."""
    deployment = session.deployment
    everything = not (asked.many or asked.selection.boards)
    shown = list(deployment.boards.values()) if everything else select(deployment, asked.selection)
    default = deployment.settings.default_board
    if resources:
        from deployer.scheduling.order import RESOURCE

        declared = {f"{RESOURCE}{item.name}": 1 for item in shown}
        session.show(declared, lambda: click.echo(" ".join(f"{name}=1" for name in declared)))
        return

    def text() -> None:
        table = Table()
        for column in ("board", "address", "directory", "chip", "groups", "tags"):
            table.add_column(column)
        for item in shown:
            name = f"{item.name} (default)" if item.name == default else item.name
            labels = (", ".join(item.groups), ", ".join(item.tags))
            table.add_row(name, item.address, str(item.directory), item.chip or "not set", *labels)
        if shown:
            print_table(results(), table)
        else:
            results().print("no boards yet; `deploy board add NAME ADDRESS` adds one")

    session.show([as_data(item) | {"address": item.address} for item in shown], text)


@command.command("probe")
@named
@boards
@common
def probe(session: Session, asked: Asked) -> None:
    """Ask boards what they are: chip, userland, room, memory, clock, IPU and who uses it."""
    if asked.many:
        work = fleet.Work(
            command="board probe",
            job=jobs.probe,
            columns=probed.COLUMNS,
            row=probed.row,
            data=probed.as_data,
        )
        fleet.over(session, asked, work)
        return
    config = asked.one(session)
    with session.progress() as emit:
        found = jobs.probe(config, emit)
    value = probed.as_data(found) | {"board": config.name, "address": config.address}
    session.show(value, lambda: click.echo("\n".join(probed.lines(config.address, found))))


@command.command("forget")
@click.argument("names", nargs=-1, required=True, metavar="BOARD...")
@common
def forget(session: Session, names: tuple[str, ...]) -> None:
    """Forget the host keys of boards (names or addresses), after they were re-flashed."""
    configs = [session.deployment.board(name) for name in names]
    done = [{"board": config.name, "forgotten": ssh.forget(config)} for config in configs]
    known = session.deployment.boards
    for name, item in zip(names, done, strict=True):
        if not item["forgotten"] and name not in known:
            raise UsageError(
                f"no board {name!r} in the inventory, and no host key known for such an address",
                hint=nearest(name, known) if known else "`deploy board list` shows the boards",
            )

    def text() -> None:
        for config, item in zip(configs, done, strict=True):
            what = "forgot the host key of" if item["forgotten"] else "no host key was known for"
            click.echo(f"{what} {config.address}")

    session.show(done if len(done) > 1 else done[0], text)


@command.command("sim")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="Keep the board's files here.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--chip",
    default="pcupid",
    show_default=True,
    help="What chip the board says it has.",
)
@click.option("--sftp/--no-sftp", default=True, help="Whether the board has an SFTP server.")
@click.option("--flash-kib", type=click.IntRange(min=64), help="How large its flash is.")
@click.option(
    "--no-password", is_flag=True, help="Let root in without key or password, as factory images do."
)
@click.option("--password-env", metavar="NAME", help="Let root in by the password in this variable.")
def simulate(
    *,
    root: Path | None,
    port: int,
    chip: str,
    sftp: bool,
    flash_kib: int | None,
    no_password: bool,
    password_env: str | None,
) -> None:
    """Run the built-in simulated board until Ctrl-C; prints one JSON line that says how to reach it."""
    from board_runner.simboard.__main__ import main
    from board_runner.simboard.nodes import CHIPS

    if chip not in CHIPS:
        raise UsageError(f"no simulated chip {chip!r}", hint=f"known: {', '.join(CHIPS)}")
    words = ["--host", "127.0.0.1", "--port", str(port), "--chip", chip]
    words += ["--root", str(root)] if root else []
    words += [] if sftp else ["--no-sftp"]
    words += ["--flash-kib", str(flash_kib)] if flash_kib else []
    if no_password and password_env is not None:
        raise click.UsageError("--no-password or --password-env NAME, not both")
    words += ["--no-password"] if no_password else []
    words += ["--password-env", password_env] if password_env is not None else []
    code = main(words)
    if code:
        raise click.exceptions.Exit(code)


for _part in (
    *(board_add.add, board_add.find),
    *(board_run.run, board_run.shell, board_run.logs, board_run.lock),
    emulate.command,
):
    command.add_command(_part)

"""`deploy board`: list, probe, forget, sim."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path, PurePosixPath

import click
from rich.table import Table

from deployer.board import ssh
from deployer.cli.console import results
from deployer.cli.options import Session, board, common


@click.group("board")
def command() -> None:
    """List, ask, forget or simulate boards."""


@command.command("list")
@common
def list_boards(session: Session) -> None:
    """Show the boards of deploy.yaml."""
    boards = list(session.deployment.boards.values())
    default = session.deployment.settings.default_board

    def text() -> None:
        table = Table()
        for column in ("board", "address", "directory", "chip", "tags"):
            table.add_column(column)
        for item in boards:
            name = f"{item.name} (default)" if item.name == default else item.name
            row = (name, item.address, str(item.directory), item.chip or "not set", ", ".join(item.tags))
            table.add_row(*row)
        results().print(table if boards else "no boards in deploy.yaml; `boards:` is where they go")

    session.show([item.model_dump(mode="json") | {"address": item.address} for item in boards], text)


@command.command("probe")
@board
@common
def probe(session: Session, board_name: str | None) -> None:
    """Ask a board what it is: machine, chip, free space, memory, clock, temperature."""
    config = session.deployment.board(board_name)
    with ssh.SshBoard(config) as connection:
        facts = connection.facts(PurePosixPath(config.directory))
    value = asdict(facts) | {
        "applets": sorted(facts.applets),
        "board": config.name,
        "address": config.address,
    }

    def text() -> None:
        for key in (
            "address",
            "machine",
            "kernel",
            "chip",
            "free_kib",
            "memory_available_kib",
            "clock_epoch_s",
        ):
            click.echo(f"{key + ':':22}{value[key] if value[key] is not None else 'unknown'}")
        known = facts.temperature_c is not None
        click.echo(f"{'temperature_c:':22}{facts.temperature_c if known else 'unknown'}")

    session.show(value, text)


@command.command("forget")
@click.argument("name")
@common
def forget(session: Session, name: str) -> None:
    """Forget the host key of board NAME (a name or address), after it was re-flashed."""
    config = session.deployment.board(name)
    forgotten = ssh.forget(config)
    what = "forgot the host key of" if forgotten else "no host key was known for"
    session.show(
        {"board": config.name, "forgotten": forgotten}, lambda: click.echo(f"{what} {config.address}")
    )


@command.command("sim")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="Keep the board's files here.")
@click.option("--port", type=int, default=0, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--chip", default="pcupid", show_default=True, help="What chip the board says it has.")
@click.option("--sftp/--no-sftp", default=True, help="Whether the board has an SFTP server.")
def simulate(root: Path | None, port: int, chip: str, sftp: bool) -> None:
    """Run the built-in simulated board until Ctrl-C; prints one JSON line that says how to reach it."""
    from board_runner.simboard.__main__ import main

    words = ["--host", "127.0.0.1", "--port", str(port), "--chip", chip]
    words += ["--root", str(root)] if root else []
    words += [] if sftp else ["--no-sftp"]
    code = main(words)
    if code:
        raise click.exceptions.Exit(code)

"""`deploy board add|find`: boards that are not in the inventory yet."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from deployer.board.config import BoardConfig, parse_address
from deployer.cli import probed
from deployer.cli.console import print_table, results
from deployer.cli.options import Session, common
from deployer.errors import ConfigError
from deployer.fleet import find as search
from deployer.fleet import jobs
from deployer.fleet.add import add_board
from deployer.fleet.jobs import Probed
from toolchain_wrappers import intake
from toolchain_wrappers.intake import Fault


@click.command("add")
@click.argument("name")
@click.argument("address")
@click.option("--key", help="Private key file.")
@click.option("--password-env", help="Environment variable that holds the password.")
@click.option("--password-keyring", help="User of the password in the system's keyring.")
@click.option("--jump", help="Jump host: user@host:port, or a name of ~/.ssh/config.")
@click.option("--directory", help="Where files go on the board.")
@click.option("--chip", help="What chip it has, where it does not say so itself.")
@click.option("--group", "groups", multiple=True, help="A declared group; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="A label of your own; may be repeated.")
@click.option("--no-probe", is_flag=True, help="Write it down without asking the board.")
@common
def add(session: Session, name: str, address: str, no_probe: bool, **given: Any) -> None:
    """Ask the board at ADDRESS what it is, and write it into the inventory as NAME."""
    config = parse_address(address)
    if given["key"] and not given["key"].startswith("~"):
        given["key"] = str(Path(given["key"]).absolute())  # in the file it would be meant relative to that
    fields = {
        "host": config.host,
        "port": config.port if config.port != 22 else None,
        "user": config.user if config.user != "root" else None,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in given.items()},
    }
    found = None if no_probe else _probed(session, name, fields)
    path = add_board(session.deployment, name, fields, folder=Path.cwd())

    def text() -> None:
        if found is not None:
            click.echo(f"{config.address}: {probed.in_one_line(found.facts)}")
        click.echo(f"board {name} written to {path}")

    value = {"board": name, "address": config.address, "file": str(path)}
    session.show(value | {"facts": probed.as_data(found) if found is not None else None}, text)


@click.command("find")
@click.argument("addresses", metavar="RANGE")
@click.option("--port", type=click.IntRange(1, 65535), default=22, show_default=True)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.05), default=2.0, show_default=True)
@common
def find(session: Session, addresses: str, port: int, timeout_s: float) -> None:
    """Look for SSH servers in RANGE (192.168.1.0/24, 192.168.1.10-20): connect, read the greeting, go.

    At most 1024 addresses; nothing is sent, and nobody logs in.
    """
    hosts = search.addresses(addresses)
    with session.progress() as emit:
        found = search.find(hosts, port=port, timeout_s=timeout_s, emit=emit)
    known = {(board.host, board.port): board.name for board in session.deployment.boards.values()}

    def text() -> None:
        table = Table()
        for column in ("address", "greeting", "board"):
            table.add_column(column)
        for item in found:
            name = known.get((item.host, item.port), "")
            table.add_row(f"{item.host}:{item.port}", escape(item.greeting), name)
        where = f"{len(hosts)} addresses, port {port}"
        if found:
            print_table(results(), table)
        else:
            results().print(f"no SSH server in {addresses} ({where})")

    session.show([asdict(item) | {"board": known.get((item.host, item.port))} for item in found], text)


def _probed(session: Session, name: str, fields: dict[str, Any]) -> Probed:
    own = {key: value for key, value in fields.items() if value and key not in ("groups", "tags")}
    try:
        config = intake.record(BoardConfig, {**own, "name": name})
    except Fault as e:
        raise ConfigError(f"board {name}: {e}") from e
    with session.progress() as emit:
        return jobs.probe(config, emit)

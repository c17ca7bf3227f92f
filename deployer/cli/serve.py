"""`deploy serve`."""

from __future__ import annotations

import json

import click

from deployer.cli.options import Session, common
from deployer.project import Project


@click.command("serve")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Listen here; others than this machine see it."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one."
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@common
def command(session: Session, *, host: str, port: int, open_browser: bool) -> None:
    """Serve the history and what runs now as pages, until Ctrl-C.

    Runs by filter, each with its report; trends by board and model; two runs compared; the progress of a running
    bench. Only this machine can ask, unless --host names another address. Pages are only read.
    """
    from deployer.serving import guard
    from deployer.serving.server import listening

    project = Project(session.deployment)
    project.history().find(limit=1)  # what cannot be read is said here, not on every page
    if not guard.is_loopback(host):
        click.echo(
            f"{click.style('warning:', fg='yellow')} everybody who reaches {host} can read the history: "
            "there is no password",
            err=True,
        )
    with listening(project, host=host, port=port) as server:
        if session.as_json:
            click.echo(json.dumps({"url": server.url, "port": server.port}))
        else:
            click.echo(f"serving {server.url} until Ctrl-C")
        if open_browser:
            click.launch(server.url)
        server.run()

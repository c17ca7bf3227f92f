"""An open board as a fabric `Connection`, for a team's own fabric tasks: log-in, host key and jump hosts are ours.

from deployer.board.fabric_connection import connection
with SshBoard(config) as board:
    connection(board).run("cat /proc/mi_modules/mi_ipu/mi_ipu0")
"""

from __future__ import annotations

import fabric

from deployer.board.clients.paramiko_link import ParamikoConnection
from deployer.board.ssh import SshBoard
from deployer.errors import ConfigError


def connection(board: SshBoard) -> fabric.Connection:
    """Fabric on the board's connection; it ends with the board's. Raises ConfigError behind the `ssh` program."""
    link = board.connect().connection
    if not isinstance(link, ParamikoConnection):
        raise ConfigError(
            f"{board.name}: fabric cannot use a connection of the `ssh` program",
            hint="`client: paramiko` for this board, if its server is new enough",
        )
    config = fabric.Config(overrides={"load_ssh_configs": False, "run": {"hide": True, "in_stream": False}})
    made = fabric.Connection(board.config.host, user=board.config.user, port=board.config.port, config=config)
    made.transport = made.client._transport = link.transport  # fabric asks whether it is open, and uses it
    return made

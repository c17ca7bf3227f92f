"""Which boards a command means."""

from __future__ import annotations

from deployer.board.config import BoardConfig
from deployer.cli.options import Asked
from deployer.fleet import last_run
from deployer.fleet.select import Selection, limited, select
from deployer.settings.config import Deployment


def boards_of(deployment: Deployment, asked: Asked, command: str) -> list[BoardConfig]:
    """The boards asked for, and with `--retry-failed` only those that failed last time."""
    if not asked.retry_failed:
        return select(deployment, asked.selection)
    failed = last_run.failed(deployment.state_dir, command)
    wanted = asked.selection
    if wanted.boards or wanted.groups or wanted.tags:
        unlimited = Selection(
            boards=wanted.boards, groups=wanted.groups, tags=wanted.tags, every=wanted.every
        )
        among = {board.name for board in select(deployment, unlimited)}
        failed = [name for name in failed if name in among]
    boards = [deployment.board(name) for name in failed]
    return limited(boards, wanted.limit) if boards else []

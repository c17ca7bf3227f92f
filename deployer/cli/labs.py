"""`--scheduler` of commands over boards: which boards are meant, and by which workers they are reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deployer.board.config import BoardConfig, parse_address
from deployer.cli.meant import boards_of
from deployer.cli.options import Asked, Session
from deployer.fleet.select import limited
from deployer.scheduling.labs import AT_ONCE, Labs
from deployer.scheduling.order import Declared


@contextmanager
def opened(session: Session, asked: Asked, command: str) -> Iterator[tuple[Labs, list[BoardConfig], int]]:
    """Connected; the boards asked for, each known to have a worker, and how many are worked on at once.

    Where the inventory here has no boards, `--all` means those of the workers. Raises UsageError, ClusterFailed.
    """
    assert asked.scheduler is not None
    with Labs(asked.scheduler, talkative=session.verbosity > 0) as labs:
        there = labs.boards
        wanted = asked.selection
        named = wanted.boards or wanted.groups or wanted.tags or asked.retry_failed
        if wanted.many and not named and not session.deployment.boards:
            chosen = limited([_as_known(one) for _, one in sorted(there.items())], wanted.limit)
        else:
            chosen = boards_of(session.deployment, asked, command)
        labs.require([board.name for board in chosen])
        at_once = asked.parallel or AT_ONCE
        labs.expect(min(at_once, len(chosen)))
        yield labs, [_as_known(there[board.name]) for board in chosen], at_once


def _as_known(there: Declared) -> BoardConfig:
    """The board as its worker reaches it: for what is shown, no connection is made from here."""
    if not there.address:
        return BoardConfig(name=there.name, host=there.name)
    return parse_address(there.address).replace(name=there.name)

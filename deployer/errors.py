"""The host's errors; the whole tree is drawn in `board_runner.errors`."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from board_runner.errors import DeployError, UsageError

if TYPE_CHECKING:
    from deployer.running.aftermath import Aftermath

INTERRUPTED = 130
BUG = 70


class CheckFailed(DeployError):
    """A comparison, limit or accuracy check did not pass."""

    exit_code = 1


class ConfigError(UsageError):
    """`deploy.yaml` or an option is wrong; the message names file, line and key."""


class MissingArtifact(UsageError):
    """A file that another command makes is not there; the hint names that command."""


class BoardUnreachable(DeployError):
    """No SSH connection to the board; the only kind worth trying again."""

    exit_code = 4


class LoginRefused(BoardUnreachable):
    """The board answered and turned us away: wrong key, password, user or host key."""


class ProgramFailed(DeployError):
    """The board program ended, or was ended, without a result line; `aftermath` tells of the board after it."""

    exit_code = 5

    def __init__(self, message: str, *, hint: str = "", aftermath: Aftermath | None = None) -> None:
        super().__init__(message, hint=hint)
        self.aftermath = aftermath


class TransferError(DeployError):
    """Files did not reach the board whole."""

    exit_code = 6


class NoSpace(TransferError):
    """The board has not enough room for what should be pushed."""


class BoardBusy(DeployError):
    """Another deploy is at work on the board."""

    exit_code = 7


class HookFailed(DeployError):
    """A `before:` or `after:` command of the board failed."""

    exit_code = 8


class ClusterFailed(DeployError):
    """The cluster of `--scheduler` is not there, does not fit, or lost its workers."""

    exit_code = 9


class MachineRefused(UsageError):
    """This machine would not read or write a file: rights, room, a read-only disk."""


_RIGHTS = "see whose it is (`ls -ld`), or work in a folder that you may write"
_ROOM = "free some room there (`df -h`)"
_OF_A_FILE = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENOTDIR: "a folder is wanted where a file is",
    errno.EEXIST: "a folder is wanted there: move away what is in its place",
    errno.EISDIR: "a file is wanted where a folder is",
}
_ROOM_ERRORS = (errno.ENOSPC, errno.EDQUOT)


def of_this_machine(error: OSError) -> MachineRefused | None:
    """What a file system of this machine said, where a user can do something about it; None for anything else.

    For the outermost border only. A missing file (ENOENT) that nobody looked for beforehand stays a bug of ours.
    """
    what = os.strerror(error.errno) if error.errno else ""
    place = None if error.filename is None else Path(os.fsdecode(error.filename)).absolute()
    if error.errno in _ROOM_ERRORS:
        return MachineRefused(f"{place or 'output'}: {what}", hint=_ROOM)
    if place is None or error.errno not in _OF_A_FILE:
        return None
    hint = _OF_A_FILE[error.errno]
    chosen = os.environ.get("DEPLOY_STATE_DIR")
    if hint is _RIGHTS and chosen and place.is_relative_to(Path(chosen).absolute()):
        hint = f"let DEPLOY_STATE_DIR name a folder that you may write; it is {chosen}"
    return MachineRefused(f"{place}: {what}", hint=hint)

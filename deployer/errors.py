"""The host's errors; the whole tree is drawn in `board_runner.errors`."""

from __future__ import annotations

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

"""The one error of emulated boards."""

from board_runner.errors import UsageError


class EmulatorError(UsageError):
    """An emulated board cannot be built or does not start: a tool, package or permission is missing."""

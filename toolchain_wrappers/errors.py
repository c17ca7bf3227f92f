"""What can go wrong between us and a vendor's toolchain; the tree is drawn in `board_runner.errors`."""

from board_runner.errors import DeployError


class ToolchainError(DeployError):
    """The vendor's toolchain or a build failed, or did not make what it promised."""

    exit_code = 3

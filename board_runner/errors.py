"""The root of the error tree, and the errors that models, audio and artefacts raise.

The whole tree, one exit code a class (`docs/errors.md` has the operator's view)::

    DeployError
      CheckFailed          1   a comparison, limit or accuracy check did not pass   (deployer.errors)
      UsageError           2   the request cannot be carried out as it stands
        ConfigError        2   deploy.yaml or an option is wrong                    (deployer.errors)
        MissingArtifact    2   a file that another command makes is not there       (deployer.errors)
        InputError         2   an audio or data file cannot be used
        ModelError         2   a model file cannot be used
      ToolchainError       3   the toolchain or a build failed                     (toolchain_wrappers.errors)
      BoardUnreachable     4   no SSH connection to the board                       (deployer.errors)
        LoginRefused       4   the board answered and turned us away                (deployer.errors)
      ProgramFailed        5   the board program gave no result                     (deployer.errors)
      TransferError        6   files did not reach the board whole                  (deployer.errors)
        NoSpace            6   the board has not enough room                        (deployer.errors)
      BoardBusy            7   another deploy is at work on the board               (deployer.errors)
      HookFailed           8   a `before:` or `after:` command of a board failed    (deployer.errors)
      ClusterFailed        9   the cluster of `--scheduler` does not work        (deployer.errors)
"""


class DeployError(Exception):
    """What an operator can act on: printed as `error:` and `hint:`, never with a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(DeployError):
    """The request cannot be carried out as it stands."""

    exit_code = 2


class InputError(UsageError):
    """An audio or data file cannot be used."""


class ModelError(UsageError):
    """A model file cannot be used: damaged, foreign, or holding what the runner lacks."""

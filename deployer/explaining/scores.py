"""The board's raw scores: what its dla_simulator dumps of exact inputs. `kept_scores` reads what a user kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from board_runner.contract import Array
from board_runner.errors import DeployError, UsageError
from deployer.board.base import Board
from deployer.comparison import board_stage, references
from deployer.comparison.board_stage import Simulator
from deployer.errors import ProgramFailed
from deployer.events import Advanced, Emit, Finished, Started
from deployer.explaining.replay import Replay
from toolchain_wrappers.errors import ToolchainError

STEP = "scores"
MOST_CLIPS = 20


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Clip -> output -> tensor as the board gives it. `why_not`: why there are none, in words.

    `cut_short` are the clips whose result holds other values than the model gives, `failed` those without any.
    `rounding` is half a unit of the last printed place.
    """

    outputs: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    source: str = ""
    why_not: str = ""
    rounding: float = 0.0
    cut_short: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, int] = field(default_factory=dict)

    def flat(self, clip: str) -> Array:
        """All values of one clip."""
        return np.concatenate([value.ravel() for value in self.outputs[clip].values()])


def from_board(board: Board, simulator: Simulator, replayed: Replay, *, emit: Emit) -> Scores:
    """Run the board's dla_simulator on the input tensors of the replay, as many as MOST_CLIPS.

    Raises TransferError, BoardUnreachable.
    """
    assert replayed.contract is not None
    clips = list(replayed.answers)[:MOST_CLIPS]
    outputs: dict[str, Mapping[str, Array]] = {}
    cut_short: dict[str, str] = {}
    failed: dict[str, str] = {}
    fingerprints: dict[str, int] = {}
    emit(Started(step=STEP, total=len(clips), unit="clips"))
    for done, clip in enumerate(clips, start=1):
        given = [(clip, replayed.answers[clip].tensor)]
        try:
            (answer,) = board_stage.simulate(board, simulator, given, replayed.contract.outputs)
            outputs[clip] = answer.tensors
            fingerprints[clip] = answer.xor
        except ProgramFailed as e:
            # A result that was read and is not whole, or of another shape, has the parser's complaint as its cause.
            partly = isinstance(e.__cause__, ToolchainError | UsageError)
            (cut_short if partly else failed)[clip] = str(e)
        emit(Advanced(step=STEP, done=done, total=len(clips), note=clip))
    emit(Finished(step=STEP, note=f"{len(outputs)} clips by {simulator.path.name}"))
    return Scores(
        outputs=outputs,
        source=f"{simulator.path.name} on the board",
        why_not=next(iter(failed.values()), "") if not outputs else "",
        rounding=0.5 * 10.0**-references.DUMP_DECIMALS,
        cut_short=cut_short,
        failed=failed,
        fingerprints=fingerprints,
    )


def none(why: str | DeployError) -> Scores:
    """No scores, and why."""
    return Scores(why_not=str(why))

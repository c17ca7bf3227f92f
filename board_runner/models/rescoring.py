"""The second pass of U2: the attention decoder scores what CTC proposed (arXiv 2012.05481)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from board_runner.contract import Array
from board_runner.engine import Engine
from board_runner.errors import ModelError
from board_runner.models.base import Transcript

ENCODED, TOKENS, LOG_PROBS = "encoded", "tokens", "log_probs"


def rescored(
    hypotheses: Sequence[Transcript], encoded: Array, decoder: Engine, *, ctc_weight: float = 0.5
) -> list[Transcript]:
    """The hypotheses in a new order, the best first, each with the score

        sum_j log p(y_j | y_1..y_(j-1), audio) + log p(end | y, audio) + ctc_weight * its CTC score.

    `encoded` (1, T, width) is the whole clip's, without dummy frames. Start and end are one token, the last.
    Raises ModelError without hypotheses and for a decoder that gives something else than scores for each.
    """
    if not hypotheses:
        raise ModelError("no hypotheses to score")
    last = decoder.outputs[0].shape[-1] - 1
    tokens = padded([hypothesis.tokens for hypothesis in hypotheses], last)
    scores = decoder.run({ENCODED: encoded, TOKENS: tokens})[LOG_PROBS]
    if scores.shape != (*tokens.shape, last + 1) or not np.isfinite(scores).all():
        raise ModelError(f"the decoder gave no finite scores of shape {[*tokens.shape, last + 1]}")
    made = []
    for row, hypothesis in zip(scores.astype(np.float64), hypotheses, strict=True):
        wanted = [*hypothesis.tokens, last]
        attention = float(row[np.arange(len(wanted)), wanted].sum())
        made.append(Transcript(tokens=hypothesis.tokens, score=attention + ctc_weight * hypothesis.score))
    return sorted(made, key=lambda one: (-one.score, one.tokens))


def padded(sequences: Sequence[tuple[int, ...]], last: int) -> Array:
    """(N, longest + 1): the start token, the sequence, and the end token for as long as needed."""
    longest = max(len(sequence) for sequence in sequences)
    tokens = np.full((len(sequences), longest + 1), last, np.int64)
    for row, sequence in zip(tokens, sequences, strict=True):
        row[1 : 1 + len(sequence)] = sequence
    return tokens

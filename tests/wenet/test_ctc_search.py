"""CTC searches and rescoring against every possible answer, on cases small enough to list them."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_runner.contract import Array, Tensors, TensorSpec
from board_runner.errors import ModelError, UsageError
from board_runner.models.base import Transcript
from board_runner.models.ctc import PrefixBeam, greedy, prefix_beam
from board_runner.models.error_rate import edits, error_rate
from board_runner.models.rescoring import padded, rescored


def _scores(seed: int, frames: int, tokens: int) -> Array:
    x = np.random.default_rng(seed).standard_normal((frames, tokens)) * 2
    return np.asarray(x - np.log(np.exp(x).sum(axis=1, keepdims=True)), np.float32)


def _all_answers(scores: Array) -> dict[tuple[int, ...], float]:
    """Sequence -> its probability, summed over every path that collapses to it."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        collapsed = tuple(token for token, _ in itertools.groupby(path) if token)
        found[collapsed] += math.exp(sum(float(scores[t, token]) for t, token in enumerate(path)))
    return found


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 5), tokens=st.integers(2, 4))
def test_a_beam_wide_enough_finds_every_answer(seed: int, frames: int, tokens: int) -> None:
    """All sequences, each with the sum over its alignments, in order of their likelihood."""
    scores = _scores(seed, frames, tokens)
    wanted = _all_answers(scores)
    found = prefix_beam(scores, beam=10**4, candidates=tokens)
    assert {one.tokens: math.exp(one.score) for one in found} == pytest.approx(wanted, rel=1e-5)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(seed=st.integers(0, 10**6), cut=st.integers(0, 30))
@settings(deadline=None, max_examples=25)
def test_chunks_are_as_good_as_the_whole(seed: int, cut: int) -> None:
    """Where the scores are cut changes nothing, not even with a narrow beam."""
    scores = _scores(seed, 30, 9)
    whole = prefix_beam(scores, beam=4, candidates=3)
    assert whole == prefix_beam([scores[:cut], scores[cut:]], beam=4, candidates=3)
    assert 1 <= len(whole) <= 4


@given(seed=st.integers(0, 10**6), frames=st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_greedy_is_the_best_path(seed: int, frames: int) -> None:
    """Of all paths the likeliest, repeats and blanks gone."""
    scores = _scores(seed, frames, 3)
    best = max(
        itertools.product(range(3), repeat=frames),
        key=lambda p: sum(float(scores[t, k]) for t, k in enumerate(p)),
    )
    found = greedy(scores)
    assert tuple(token for token, _ in itertools.groupby(best) if token) == found.tokens
    assert sum(float(scores[t, k]) for t, k in enumerate(best)) == pytest.approx(found.score, rel=1e-6)


def test_the_sum_over_alignments_beats_the_best_path() -> None:
    """Two frames of blank .6: one path says nothing with .36, three say the token with .64 together."""
    scores = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], np.float32))
    assert ((), (1,)) == (greedy(scores).tokens, prefix_beam(scores)[0].tokens)


def test_a_repeat_needs_a_blank_between() -> None:
    """1 1 is one token, 1 blank 1 two."""
    almost = np.log(np.full((3, 3), 0.01))
    almost[[0, 1, 2], [1, 1, 1]] = math.log(0.98)
    assert (1,) == greedy(almost).tokens == prefix_beam(almost)[0].tokens
    almost[1] = almost[1, [1, 0, 2]]
    assert (1, 1) == greedy(almost).tokens == prefix_beam(almost)[0].tokens


def test_no_frames_say_nothing() -> None:
    """The empty sequence is certain."""
    empty = np.zeros((0, 5), np.float32)
    assert Transcript(tokens=(), score=0.0) == greedy(empty) == prefix_beam(empty)[0]


@pytest.mark.parametrize("bad", [np.zeros(5), np.full((2, 3), np.nan), np.zeros((2, 1))])
def test_scores_that_are_none_are_refused(bad: Array) -> None:
    """A vector, NaN, or blanks alone."""
    with pytest.raises(ModelError, match="CTC scores"):
        greedy(bad)
    with pytest.raises(ModelError, match="CTC scores"):
        PrefixBeam().push(bad)
    with pytest.raises(ModelError, match="at least 1"):
        PrefixBeam(beam=0)


class Bigrams:
    """A decoder of five tokens whose next one depends on the last alone: its scores can be looked up."""

    def __init__(self, table: Array) -> None:
        self._table = table
        self.inputs: tuple[TensorSpec, ...] = ()
        self.outputs: tuple[TensorSpec, ...] = (
            TensorSpec(name="log_probs", dtype="float32", shape=(-1, -1, 5)),
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Row (i, j): the table's row of token j of hypothesis i."""
        return {"log_probs": self._table[inputs["tokens"]]}


@given(
    seed=st.integers(0, 10**6),
    sequences=st.lists(
        st.lists(st.integers(1, 3), max_size=4).map(tuple), min_size=1, max_size=5, unique=True
    ),
    weight=st.sampled_from([0.0, 0.3, 2.0]),
)
@settings(deadline=None, max_examples=40)
def test_rescoring_adds_the_decoders_scores(
    seed: int, sequences: list[tuple[int, ...]], weight: float
) -> None:
    """Each hypothesis: from start to end one bigram after the other, and its share of CTC; the best first."""
    table = _scores(seed, 5, 5)
    hypotheses = [Transcript(tokens=one, score=-float(i)) for i, one in enumerate(sequences)]
    wanted = {
        one.tokens: sum(float(table[a, b]) for a, b in itertools.pairwise((4, *one.tokens, 4)))
        + weight * one.score
        for one in hypotheses
    }

    found = rescored(hypotheses, np.zeros((1, 3, 2), np.float32), Bigrams(table), ctc_weight=weight)

    assert {one.tokens: one.score for one in found} == pytest.approx(wanted, abs=1e-5)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_hypotheses_are_padded_with_the_end() -> None:
    """They start with the token that is start and end, and are filled up with it."""
    assert [[9, 1, 2, 3], [9, 4, 9, 9], [9, 9, 9, 9]] == padded([(1, 2, 3), (4,), ()], 9).tolist()
    with pytest.raises(ModelError, match="no hypotheses"):
        rescored([], np.zeros((1, 3, 2), np.float32), Bigrams(_scores(0, 5, 5)))
    with pytest.raises(ModelError, match="finite"):
        rescored(
            [Transcript(tokens=(1,), score=0.0)],
            np.zeros((1, 3, 2), np.float32),
            Bigrams(np.full((5, 5), np.nan)),
        )


@given(said=st.text("abc", max_size=6), heard=st.text("abc", max_size=6))
def test_edits_are_the_least(said: str, heard: str) -> None:
    """As many as the recursion finds that tries everything."""

    def least(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(
            least(i - 1, j) + 1,
            least(i, j - 1) + 1,
            least(i - 1, j - 1) + (said[i - 1] != heard[j - 1]),
        )

    assert least(len(said), len(heard)) == edits(said, heard)


def test_an_error_rate_is_over_all_that_was_said() -> None:
    """Not the mean of rates: a long sentence counts for more."""
    assert 2 / 8 == error_rate([("abcdefg", "abcdefg"), ("a", "bc")])
    with pytest.raises(UsageError, match="at least one"):
        error_rate([("", "a")])

"""Intervals, percentiles, steadiness and the gate, against known truths and hand-made cases."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from deployer.errors import CheckFailed
from deployer.measuring import gate, steadiness
from deployer.measuring.gate import Verdict
from deployer.measuring.intervals import least, median_interval, percentile
from deployer.measuring.looks import Looks
from deployer.records import RunRecord, Sample
from tests.measuring.simulate import SOURCES, coverage, gate_rates, in_turns, record, until_stable

REPEATS = 200
FEWER = 60
"""The script does 2000; so few tell 95 % from 88 %, and each bound here is beyond chance (p < 0.001)."""


def _samples(times_ms: list[float], **fields: list[float] | list[int]) -> list[Sample]:
    return [
        Sample(
            clip="a.wav",
            run=run,
            invoke_ms=ms,
            post_process_ms=0.1,
            class_id=0,
            **{name: values[run - 1] for name, values in fields.items()},  # type: ignore[arg-type]
        )
        for run, ms in enumerate(times_ms, 1)
    ]


def _noise(n: int, *, seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(50.0, 0.3, n)


@pytest.mark.parametrize("name", SOURCES)
def test_an_interval_holds_the_true_median_as_often_as_it_says(name: str) -> None:
    """At 30 runs and more 95 % of the intervals hold the median, whatever the shape of the noise."""
    covered = coverage(SOURCES[name], 31, runs=REPEATS)

    assert stats.binomtest(round(covered * REPEATS), REPEATS, 0.95).pvalue > 0.001


def test_few_values_have_the_interval_of_the_sign_test() -> None:
    """Of 10 values it runs from the second to the ninth (97.9 %), by the tables; below 6 there is none."""
    values = [float(v) for v in range(1, 11)]
    found = median_interval(values)

    assert found is not None
    assert (2.0, 9.0, "order statistics") == (found.low, found.high, found.method)
    assert (1.0, 6.0) == ((six := median_interval(values[:6])) and six.low, six and six.high)
    assert None is median_interval(values[:5])


def test_equal_values_have_an_interval_of_no_width() -> None:
    """A timer too coarse to see a difference is no error."""
    found = median_interval([7.5] * 40)

    assert found is not None and (7.5, 7.5) == (found.low, found.high)


def test_a_percentile_needs_a_sample_that_can_bound_it() -> None:
    """p95 needs 72 runs: the chance that none of 72 lies above it is 2.5 %."""
    assert [6, 36, 72, 368] == [least(share) for share in (0.5, 0.9, 0.95, 0.99)]
    assert 0.95**72 <= 0.025 < 0.95**71
    assert None is percentile(list(range(71)), 0.95)
    assert percentile(list(range(101)), 0.95) == pytest.approx(95.0)


def test_a_quiet_bench_is_steady() -> None:
    """Noise alone is no finding; too few runs claim nothing."""
    assert steadiness.judge(_samples(list(_noise(100)))).steady is True
    assert steadiness.judge(_samples([50.0] * 30)).steady is True
    assert steadiness.judge(_samples(list(_noise(10)))).steady is None


def test_each_kind_of_unrest_is_named() -> None:
    """Drift, throttling, two modes, outliers and dependence are each found where they were put, with their size."""
    noise = _noise(100)
    drift = noise * np.linspace(1.0, 1.1, 100)
    warm = steadiness.judge(_samples(list(drift), temperature_c=list(np.linspace(40, 60, 100))))
    slow = np.arange(100) % 4 == 3
    khz = [800_000 if is_slow else 1_200_000 for is_slow in slow]
    throttled = steadiness.judge(_samples(list(noise * np.where(slow, 1.5, 1.0)), frequency_khz=khz))
    modes = steadiness.judge(_samples(list(noise + 5.0 * (np.arange(100) % 3 == 0))))
    outliers = steadiness.judge(_samples(list(noise + np.where(np.arange(100) % 8 == 0, noise - 30, 0))))
    wave = steadiness.judge(_samples(list(noise + 2 * np.sin(np.arange(100) / 5))))

    assert warm.drift == pytest.approx(0.1, abs=0.02)
    assert "warmed by" in warm.reasons[0] and warm.steady is False
    assert throttled.throttled_share == 0.25 and "% slower" in throttled.reasons[0]
    assert modes.modes is not None
    assert modes.modes[1] / modes.modes[0] == pytest.approx(1.1, abs=0.01)
    assert outliers.outliers == 13
    assert wave.neighbours > 0.8 and "intervals are too narrow" in wave.reasons[-1]


@pytest.mark.parametrize("clips", [1, 5])
def test_the_gate_keeps_its_rates(clips: int) -> None:
    """Nothing changed: failed in at most 2.5 %; 5 % slower, an interval no wider than that: found in 95 %."""
    runs = FEWER if clips == 1 else FEWER // 2
    found = gate_rates(SOURCES["normal"], 30, runs=runs, clips=clips)
    judged = round(runs * (1 - found.refused))

    assert found.width < 0.05
    assert stats.binomtest(round(found.unchanged_failed * judged), judged, 0.025, "greater").pvalue > 0.001
    assert stats.binomtest(round(found.slower_failed * judged), judged, 0.95, "less").pvalue > 0.001
    assert stats.binomtest(round(found.named * judged), judged, 0.05, "greater").pvalue > 0.001


def test_a_factor_on_all_times_moves_the_interval_by_itself() -> None:
    """What lets one comparison of the simulation answer for two benches."""
    plain = gate.against_baseline(_record(), _record(), limit=0.05)
    slower = gate.against_baseline(_record(), _record(1.05), limit=0.05)

    assert 1.05 * (1 + plain.low) == pytest.approx(1 + slower.low)
    assert 1.05 * (1 + plain.high) == pytest.approx(1 + slower.high)


def test_one_clip_that_became_slower_is_named() -> None:
    """Of ten clips one is 20 % slower: 1.8 % in the mean; and a slow-down of all names none of them."""
    rng = np.random.default_rng(8)
    before = record(SOURCES["lognormal"], rng, 30, clips=10)
    after = record(SOURCES["lognormal"], rng, 30, clips=10)
    one = tuple(
        dataclasses.replace(s, invoke_ms=s.invoke_ms * (1.2 if s.clip == "3" else 1.0)) for s in after.samples
    )
    every = tuple(dataclasses.replace(s, invoke_ms=s.invoke_ms * 1.2) for s in after.samples)

    found = gate.against_baseline(before, dataclasses.replace(after, samples=one), limit=0.05)
    assert any(note.startswith("3 by itself is ") for note in found.notes)
    for samples in (after.samples, every):
        same = gate.against_baseline(before, dataclasses.replace(after, samples=samples), limit=0.05)
        assert not any("by itself" in note for note in same.notes)


@pytest.mark.parametrize("name", ["normal", "long tail"])
def test_a_bench_that_ends_by_itself_has_earned_it(name: str) -> None:
    """`--until-stable 2%`: it ends, after about as many runs as that takes, and its median is known to 2 %.

    A median of n normal values lies within 1.96 * 1.2533 * s / sqrt(n) in 95 % of all cases: for s = 3 % an
    interval of 2 % takes 54 runs. A long tail takes more. Each look is a chance to end too early, so that the
    intervals at the end may cover a little less than 95 %.
    """
    runs = FEWER // 3
    found = until_stable(SOURCES[name], 0.02, runs=runs)
    covered = stats.binomtest(round(found.covered * runs), runs, 0.93, "less")

    assert 0.0 == found.given_up
    assert found.near >= 0.9
    assert covered.pvalue > 0.001
    assert (40 if name == "normal" else 54) <= found.runs <= (90 if name == "normal" else 400)


def test_looks_become_ever_more_seldom() -> None:
    """From 30 runs on, each time a fifth more: 20 looks in the first thousand runs."""
    looks = Looks()
    at = [n for n in range(1, 1001) if looks.due(n)]

    assert [30, 36, 44, 53] == at[:4]
    assert len(at) <= 20


def test_turns_see_through_a_board_that_slows_down() -> None:
    """While everything becomes 10 % slower A/B in turns tells 5 % from nothing as surely as at rest."""
    source = SOURCES["normal"]

    assert 0.0 == in_turns(source, 30, slower=0.0, runs=20)
    assert in_turns(source, 30, slower=0.05, runs=20) >= 0.85


@pytest.mark.parametrize(
    ("low", "high", "limit", "floor", "verdict"),
    [
        (0.03, 0.08, 0.05, 0.0, Verdict.SLOWER),
        (0.01, 0.03, 0.05, 0.0, Verdict.WITHIN),
        (-0.01, 0.02, 0.05, 0.0, Verdict.SAME),
        (-0.04, 0.06, 0.05, 0.0, Verdict.UNCLEAR),
        (-0.04, -0.02, 0.05, 0.0, Verdict.FASTER),
        (0.03, 0.08, 0.05, 0.04, Verdict.UNCLEAR),
        (-0.04, -0.02, 0.05, 0.03, Verdict.SAME),
    ],
)
def test_the_verdict_follows_from_interval_limit_and_floor(
    low: float, high: float, limit: float, floor: float, verdict: Verdict
) -> None:
    """Hand-made intervals; only a slow-down that is shown, with its limit in doubt, fails."""
    found = gate.judged(low=low, high=high, limit=limit, floor=floor)

    assert verdict is found


def test_an_unclear_comparison_tells_how_many_runs_it_wants() -> None:
    """An interval twice as wide as the limit wants four times the runs: it narrows by their root."""
    found = gate.against_baseline(_record(), _record(), limit=0.05)
    unclear = dataclasses.replace(found, verdict=Verdict.UNCLEAR, low=-0.04, high=0.06)

    assert (None, 4 * found.runs) == (found.runs_needed, unclear.runs_needed)


def _record(factor: float = 1.0, **changes: object) -> RunRecord:
    made = record(SOURCES["normal"], np.random.default_rng(5), 40, clips=2, factor=factor)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_an_unsteady_baseline_is_refused() -> None:
    """What drifts is no baseline, and the reason is told."""
    times = list(_noise(60) * np.linspace(1.0, 1.2, 60))
    drifting = _record(samples=tuple(_samples(times)))

    with pytest.raises(CheckFailed, match="no baseline: drift"):
        gate.against_baseline(drifting, _record(), limit=0.05)


def test_a_regression_is_an_exit_code_and_its_size() -> None:
    """10 % slower fails with 1; the effect is the ratio of the medians; what differs beside it is noted."""
    same = gate.against_baseline(_record(), _record(), limit=0.05)
    slow = gate.against_baseline(_record(), _record(1.1, settings={"argv": "other"}), limit=0.05)

    same.raise_failure()
    assert (Verdict.SAME, 0.0) == (same.verdict, same.effect)
    assert slow.effect == pytest.approx(0.1) and slow.low < 0.1 < slow.high
    assert "another program" in slow.notes[0]
    with pytest.raises(CheckFailed, match=r"10\.0% slower") as caught:
        slow.raise_failure()
    assert 1 == caught.value.exit_code


def test_what_has_nothing_in_common_is_not_compared() -> None:
    """Other clips, or too few runs, are refused instead of compared."""
    few = _record(samples=_record().samples[:5])

    with pytest.raises(CheckFailed, match="cannot be compared"):
        gate.against_baseline(_record(), few, limit=0.05)


def test_a_noise_floor_is_what_the_board_shows_of_itself() -> None:
    """A against A: at least the far end of its interval; a jump in the middle of the bench is in it."""
    noise = _noise(80)
    quiet = [
        dataclasses.replace(sample, run=sample.run // 2, variant="ab"[sample.run % 2])
        for sample in _samples(list(noise))
    ]
    jump = [
        dataclasses.replace(s, invoke_ms=s.invoke_ms * (1.04 if i >= 40 else 1.0))
        for i, s in enumerate(quiet)
    ]

    assert 0 < gate.noise_floor(quiet) < 0.01
    assert gate.noise_floor(jump) == pytest.approx(0.04, abs=0.01)
    assert math.isclose(0.02, gate.noise_floor_of(_record(measured={"noise_floor": 0.02})))

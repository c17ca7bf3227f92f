"""Levels L1 to L5: what each promises, on a network of milliseconds."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from board_runner.contract import Array, Tensors
from board_runner.errors import ModelError
from board_runner.float_engine import FloatEngine
from board_runner.graph import Graph
from board_runner.quant import patterns, statistics, weights
from board_runner.quant.calibration import Calibration, calibrate
from board_runner.quant.fixed_engine import FixedEngine
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.levels import through_int8
from board_runner.quant.settings import INPUT_FORMATS, Level, QuantSettings
from board_runner.quant.statistics import BINS, CANDIDATES, CUT_OFF_COUNTS, Histogram
from tests.quant import small

SOUNDS = small.sounds(12)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The small network as a file."""
    return small.save(tmp_path / "small.onnx")


def _calibrated(settings: QuantSettings) -> Calibration:
    return calibrate(patterns.rewrite(small.graph()), SOUNDS, settings)


def _noise_share(model: Path, settings: QuantSettings, tmp_path: Path) -> float:
    write_fixed(model, tmp_path / "f.sim", samples=SOUNDS, settings=settings)
    fixed, exact = FixedEngine(Graph.load(tmp_path / "f.sim")), FloatEngine.load(model)
    wanted = np.concatenate([exact.run(s)["output"] for s in SOUNDS])
    given = np.concatenate([fixed.run(s)["output"] for s in SOUNDS])
    return float(np.linalg.norm(given - wanted) / np.linalg.norm(wanted))


def _bytes(model: Path, out: Path, samples: list[Tensors], level: Level) -> bytes:
    write_fixed(model, out, samples=samples, settings=QuantSettings(level=level))
    return out.read_bytes()


@pytest.mark.parametrize("level", get_args(Level))
def test_a_rerun_gives_the_same_bytes(model: Path, tmp_path: Path, level: Level) -> None:
    """Every level is deterministic."""
    assert _bytes(model, tmp_path / "a", SOUNDS, level) == _bytes(model, tmp_path / "b", SOUNDS, level)


def test_the_order_of_samples_does_not_matter_up_to_l3(model: Path, tmp_path: Path) -> None:
    """Extremes and counts are the same whatever comes first."""
    assert _bytes(model, tmp_path / "a", SOUNDS, "L3") == _bytes(model, tmp_path / "b", SOUNDS[::-1], "L3")


def test_calibration_holds_one_sample_at_a_time(model: Path, tmp_path: Path) -> None:
    """Any number of samples fits: of those given so far only the latest may be alive."""
    alive: list[weakref.ref[Array]] = []
    most = 0

    def stream() -> Iterator[Tensors]:
        nonlocal most
        for sound in SOUNDS:
            fresh = sound["images"].copy()
            alive.append(weakref.ref(fresh))
            most = max(most, sum(ref() is not None for ref in alive))
            yield {"images": fresh}
            del fresh

    write_fixed(model, tmp_path / "f.sim", samples=stream, settings=QuantSettings(level="L3"))

    assert 2 * len(SOUNDS) == len(alive)
    assert most <= 2  # the one being made, and the one before it until the loop lets go


def test_progress_counts_through_both_passes(model: Path, tmp_path: Path) -> None:
    """L3 goes through n samples in 2 n steps, as the vendor's bar does."""
    seen: list[int] = []
    settings = QuantSettings(level="L3")
    write_fixed(model, tmp_path / "f", samples=SOUNDS[:3], settings=settings, progress=seen.append)

    assert [1, 2, 3, 4, 5, 6] == seen and 2 == settings.passes


def test_an_iterator_is_refused_where_two_passes_are_needed(model: Path, tmp_path: Path) -> None:
    """Better than a silent second pass over nothing."""
    with pytest.raises(ModelError, match="twice"):
        write_fixed(model, tmp_path / "f", samples=iter(SOUNDS), settings=QuantSettings(level="L3"))


def test_all_int16_lowers_the_level_and_says_so() -> None:
    """The vendor's rule: any level but L1 becomes L2."""
    for kinds in (INPUT_FORMATS["ALL_INT16"], ()):
        settings = QuantSettings(level="L5", conv_bits=8 if kinds else 16, int16_kinds=kinds)
        made = _calibrated(settings)
        assert "L2" == made.level and 1 == settings.passes
        assert ["all convolutions take 16 bits: L5 is lowered to L2"] == list(made.notes)
    assert "L1" == _calibrated(QuantSettings(conv_bits=16)).level


@pytest.mark.parametrize(
    ("name", "wide"), [("CONV2D_INT16", {"c1", "c3", "c4", "c5"}), ("DEPTHWISE_INT16", {"c2"})]
)
def test_the_kinds_of_input_format(name: str, wide: set[str]) -> None:
    """The ini can widen depthwise convolutions alone, or all others."""
    made = _calibrated(QuantSettings(int16_kinds=INPUT_FORMATS[name]))

    assert wide == set(made.scheme.wide)


def test_l5_upgrades_what_is_above_the_threshold_and_l4_only_says_so(model: Path, tmp_path: Path) -> None:
    """L4 makes the bytes of L3 and names what L5 changes."""
    fifth = _calibrated(QuantSettings(level="L5"))
    fourth = _calibrated(QuantSettings(level="L4"))
    loud = {site.name for site in fifth.sites if site.worst > 0.002}

    assert loud and loud == set(fifth.upgraded) == set(fourth.suggested)
    assert not fourth.upgraded and not fifth.suggested and len(loud) == len(fifth.notes)
    assert not fourth.scheme.wide and fifth.scheme.wide
    assert _bytes(model, tmp_path / "3", SOUNDS, "L3") == _bytes(model, tmp_path / "4", SOUNDS, "L4")


@pytest.mark.parametrize(("threshold", "share"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_threshold_decides_how_many(threshold: float, share: float) -> None:
    """Everything makes some noise, nothing as much as the signal."""
    made = _calibrated(QuantSettings(level="L5", sensitivity_threshold=threshold))

    assert share == len(made.upgraded) / len(small.CONV_INPUTS)


def test_what_the_ini_says_of_bits_is_not_upgraded() -> None:
    """`[CONV_CONFIG]` goes before the quantiser's own choice."""
    assert not _calibrated(QuantSettings(level="L5", upgrade=False)).scheme.wide


def test_sensitivities_add_up_to_the_noise_that_is_measured(model: Path, tmp_path: Path) -> None:
    """Noise energies of single convolutions predict that of all together within 3 dB."""
    sites = _calibrated(QuantSettings(level="L4")).sites
    predicted = float(np.linalg.norm([site.sensitivity for site in sites]))

    measured = _noise_share(model, QuantSettings(level="L3"), tmp_path)

    assert abs(20 * np.log10(measured / predicted)) < 3


def test_a_wrong_name_in_tensor_arrays_is_answered_with_the_nearest() -> None:
    """A misspelt tensor would otherwise stay in 8 bits unnoticed."""
    with pytest.raises(ModelError, match="'summ' is not the first input") as caught:
        _calibrated(QuantSettings(int16_inputs=("summ",)))
    assert "'sum'" in caught.value.hint


def test_unknown_levels_are_refused() -> None:
    """There are five."""
    with pytest.raises(ModelError, match="L6"):
        QuantSettings(level="L6")  # type: ignore[arg-type]


def _histogram(values: Array) -> Histogram:
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, BINS, (low, high))
    return Histogram(low=low, high=high, counts=counts.astype(np.int64))


@pytest.mark.parametrize("seed", range(5))
def test_the_fitted_range_is_the_best_candidate(seed: int) -> None:
    """Brute force over bins finds no better limits than the running sums do."""
    rng = np.random.default_rng(seed)
    histogram = _histogram(np.concatenate([rng.laplace(rng.normal(), 1, 4000), rng.normal(0, 9, 40)]))

    def error(low: float, high: float) -> float:
        x, n = histogram.centres, histogram.counts
        cut = np.maximum(x - high, 0) + np.maximum(low - x, 0)
        rounding = n[cut == 0].sum() * ((high - low) / 255) ** 2 / 12
        return float(CUT_OFF_COUNTS * (n * cut**2).sum() + rounding)

    found = error(*statistics.fit(histogram))
    for i in range(1, CANDIDATES + 1, 7):
        for j in range(1, CANDIDATES + 1, 7):
            low, high = min(histogram.low, 0.0) * i / CANDIDATES, max(histogram.high, 0.0) * j / CANDIDATES
            assert found <= error(low, high) * (1 + 1e-9)


def test_a_percentile_leaves_few_outside_and_more_than_none() -> None:
    """One value in ten thousand at each end, to a bin."""
    values = np.random.default_rng(3).normal(0, 1, 100_000)
    low, high = statistics.percentile(_histogram(values))

    assert 0 < (values < low).mean() <= statistics.TAIL and 0 < (values > high).mean() <= statistics.TAIL


def test_the_weight_search_is_never_worse_than_the_largest_weight() -> None:
    """Channel by channel, and strictly better in sum; a channel of zeros stays one."""
    rng = np.random.default_rng(4)
    weight = rng.standard_normal((6, 32, 3)).astype(np.float32)
    weight[5] = 0

    def errors(tops: Array) -> Array:
        exact = weight.astype(np.float64)
        return np.asarray(np.square(exact - through_int8(weight, tops)).sum(axis=(1, 2)))

    plain, searched = errors(weights.tops(weight)), errors(weights.search(weight))

    assert (searched <= plain).all() and searched.sum() < plain.sum() and 0 == searched[5]

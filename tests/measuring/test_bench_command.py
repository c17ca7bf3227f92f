"""`deploy bench` over a simulated board: what is kept, compared and refused, and the exit code for a CI."""

from __future__ import annotations

import pytest

from deployer import records
from tests.measuring.lab import Lab


def test_a_record_holds_all_that_repeats_it(lab: Lab) -> None:
    """Command, environment, governor and clock are kept; the warm-up is flagged; the governor is back."""
    code, said, _ = lab.bench("--runs", "3", "--warm-up", "2")

    record = said["record"]
    assert (0, records.VERSION) == (code, record["version"])
    assert ["deploy", "bench", "--board", "desk", "--runs", "3", "--warm-up", "2"] == record["command"]
    assert [True, True] + [False] * 6 == [s["warm_up"] for s in record["samples"]]
    about = record["environment"]
    assert abs(about["before"]["clock_skew_s"]) < 60
    assert ["ondemand"] == [g["was"] for g in about["governors"]]
    node = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
    assert any(path.endswith(node) for path in about["before"]["nodes"])
    assert about["boot_id"] and about["ssh_client"] and about["host"]
    assert all(s["temperature_c"] and s["frequency_khz"] == 1_200_000 for s in record["samples"])
    assert "ondemand\n" == lab.governor.read_text()
    assert record["measured"]["steady"] is None and said["summary"]["invoke"]["p95_ms"] is None


def test_a_regression_against_a_baseline_is_exit_code_1(lab: Lab) -> None:
    """The same again passes; 28 % slower fails, and the effect with its interval is in the answer."""
    _, first, _ = lab.bench("--runs", "12")
    baseline = first["record"]["id"]
    few, _, told = lab.bench("--runs", "5", "--baseline", baseline)
    same, _, _ = lab.bench("--runs", "12", "--baseline", baseline, "--fail-above", "20%")
    lab.slow.touch()
    slower, said, complaint = lab.bench("--runs", "12", "--baseline", baseline, "--fail-above", "20%")

    assert (2, True) == (few, "too few to be compared" in told)  # before anything is run
    assert (0, 1) == (same, slower)
    found = said["comparison"]
    assert "slower" == found["verdict"] and found["low"] < found["effect"] < found["high"]
    assert found["effect"] == pytest.approx(9 / 7 - 1, abs=0.01)
    assert "slower than" in complaint


def test_two_models_take_turns(lab: Lab) -> None:
    """A against B in one bench: as many runs of each, the first's alone in the summary, the verdict by pairs."""
    code, said, _ = lab.bench("--runs", "8", "--warm-up", "0", "--against", "other.img", "--fail-above", "5%")

    variants = [s["variant"] for s in said["record"]["samples"]]
    assert (16, 16) == (variants.count("a"), variants.count("b"))
    assert ["a", "b", "a", "b", "b", "a", "b", "a"] == variants[:8]
    assert said["summary"]["invoke"]["max_ms"] < 8
    assert (1, True) == (code, said["comparison"]["paired"])
    assert "models/against.img" in said["record"]["sha256"]


def test_a_noise_floor_is_kept_for_those_who_compare(lab: Lab) -> None:
    """A against A: no difference but the board's own, which the record carries."""
    code, said, _ = lab.bench("--runs", "8", "--noise-floor")

    assert 0 == code
    assert 0 < said["record"]["measured"]["noise_floor"] < 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fail-above", "5%"], "needs something to compare with"),
        (["--fail-above", "five"], "no percentage"),
        (["--baseline", "none"], "no run"),
        (["--runs", "3", "--minutes", "1"], "either so many runs"),
        (["--noise-floor", "--against", "other.img"], "one and the same model"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_board(lab: Lab, words: list[str], message: str) -> None:
    """Each ends with 2 and its reason."""
    code, _, complaint = lab.bench(*words)

    assert (2, True) == (code, message in complaint), complaint

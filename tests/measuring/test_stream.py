"""What the loop's marks say of one run, whatever the network did to them on the way."""

from __future__ import annotations

import pytest

from deployer.measuring.stream import Ran, Stream


def _took_ms(begin: str, end: str) -> float:
    """The whole time of a run whose marks arrive here all at once."""
    ended: list[Ran] = []
    stream = Stream(ended.append)
    sign = f"@{stream.token}"
    stream.take("stderr", f"{sign} begin 0 7 {begin}\n\n{sign} end 0\n".encode())
    stream.take("stdout", f"{sign} begin 0 7 {begin}\nwords\n\n{sign} end 0 0 {end}\n".encode())
    (ran,) = ended
    return ran.completed.elapsed_ms


def test_the_boards_own_clock_tells_how_long_a_run_took() -> None:
    """Where the shell knows microseconds, the time on the way does not count."""
    assert _took_ms("10.00 1000.000250", "1000.060500|10.06|||||") == pytest.approx(60.25)


def test_without_such_a_clock_the_uptime_bounds_it() -> None:
    """Marks that a network held back and delivered together cannot make a run of 60 ms one of none."""
    assert _took_ms("10.00 -", "-|10.06|||||") == pytest.approx(50.0)


@pytest.mark.parametrize("now", ["5.0", "1800000000.0"])
def test_a_clock_that_was_set_meanwhile_is_not_believed(now: str) -> None:
    """A board that learns the time in the middle of a run: the uptime bounds that run too."""
    assert _took_ms("10.00 1000.0", f"{now}|10.06|||||") == pytest.approx(50.0)

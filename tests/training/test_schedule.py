"""Learning rate, averaging and temperature against what they are defined by."""

from __future__ import annotations

import pytest

from deployer.training import chance, schedule
from deployer.training.chance import For


@pytest.mark.torch
@pytest.mark.parametrize("total", [3, 9, 11, 200, 45_500])
def test_the_rate_is_pytorchs_one_cycle(total: int) -> None:
    """Every step of a schedule, or every hundredth of a long one, is what torch's OneCycleLR gives."""
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-4, total_steps=total, pct_start=0.1, cycle_momentum=False
    )
    for step in range(total):
        if total < 1000 or step % 100 == 0:
            rate = optimizer.param_groups[0]["lr"]
            assert schedule.one_cycle(step, total, 3e-4) == pytest.approx(rate, rel=1e-9, abs=1e-15)
        optimizer.step()
        if step + 1 < total:
            theirs.step()


def test_one_step_is_a_schedule_too() -> None:
    """No division by nothing, with ten steps neither, where the first is the top."""
    assert 0 < schedule.one_cycle(0, 1, 1.0) <= 1.0
    assert schedule.one_cycle(0, 10, 1.0) == 1.0


def test_the_average_follows_closely_at_first() -> None:
    """A tenth at the start, the stated decay in the end."""
    assert schedule.ema_decay(0, 0.995) == 0.1
    assert schedule.ema_decay(8, 0.995) == 0.5
    assert schedule.ema_decay(10_000, 0.995) == 0.995
    assert schedule.ema_decay(5, 0.0) == 0.0


def test_statistics_forget_what_they_began_with() -> None:
    """After 100 steps less than a millionth of it is left, with any momentum; in the end the layer's own holds."""
    left = 1.0
    for step in range(100):
        left *= 1 - schedule.momentum(step, 0.01)
    assert left < 1e-6
    assert schedule.momentum(5000, 0.01) == pytest.approx(0.01)
    assert schedule.momentum(5000, 0.1) == pytest.approx(0.1)


def test_the_temperature_falls_to_one() -> None:
    """30 to 1 in equal steps over ten epochs, or over half of a short training."""
    assert [schedule.temperature(epoch, 100) for epoch in (0, 5, 10, 99)] == [30.0, 15.5, 1.0, 1.0]
    assert [schedule.temperature(epoch, 4) for epoch in range(4)] == [30.0, 15.5, 1.0, 1.0]
    assert schedule.temperature(0, 1) == 1.0


def test_chance_depends_on_its_place_alone() -> None:
    """The same place gives the same numbers; another seed, purpose, epoch or clip gives others."""
    drawn = chance.generator(0, For.CLIP, 3, 7).random(4).tolist()
    assert chance.generator(0, For.CLIP, 3, 7).random(4).tolist() == drawn
    others = [(1, For.CLIP, 3, 7), (0, For.MIX, 3, 7), (0, For.CLIP, 4, 7), (0, For.CLIP, 3, 8)]
    assert all(chance.generator(*place).random(4).tolist() != drawn for place in others)

"""One clip in several lengths, benched as any clips are."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from board_runner.errors import UsageError
from deployer.measuring import durations
from deployer.project import Project
from deployer.settings import config
from tests.measuring.lab import Lab


def test_each_length_is_a_clip_of_the_first_ones_sound(lab: Lab) -> None:
    """Repeated or cut, to the sample; no class is claimed of it, and what calibrates the model stays."""
    noise = np.random.default_rng(1).normal(0, 0.1, 22050).astype(np.float32)
    soundfile.write(lab.root / "clips/5-1-A-32.wav", noise, 22050, subtype="PCM_16")
    before = Project(config.load(lab.root / "deploy.yaml"))
    made = durations.project(before, (0.5, 2.5, 10.0))
    first, _ = soundfile.read(lab.root / "clips/5-1-A-32.wav", dtype="int16")

    assert [0.5, 2.5, 10.0] == list(made.clip_seconds.values())
    assert {} == made.targets
    assert before.calibration == made.calibration
    for clip, seconds in made.clip_seconds.items():
        got, _ = soundfile.read(made.clips_dir / clip, dtype="int16")
        assert np.array_equal(np.resize(first, round(seconds * 22050)), got)


def test_a_bench_over_lengths_has_a_row_each(lab: Lab) -> None:
    """The longer the audio, the smaller the part of it that the same 7 ms are; the command repeats it."""
    code, said, complaint = lab.bench("--runs", "2", "--durations", "4,1,0.5")

    assert 0 == code, complaint
    factors = [clip["real_time_factor"] for clip in said["summary"]["clips"]]
    assert [0.5, 1.0, 4.0] == list(said["record"]["clip_seconds"].values())
    assert factors == pytest.approx([0.0145, 0.00725, 0.0018125], rel=0.01)
    assert ["--durations", "4,1,0.5"] == said["record"]["command"][-2:]
    shown, _ = lab.words("bench", "--runs", "2", "--durations", "0.5,1")
    assert "real time" in shown and "start, I/O" in shown


@pytest.mark.parametrize("text", ["", "1,x", "0", "-1", "1e9", "nan"])
def test_what_is_no_length_is_refused(text: str) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError):
        durations.parse(text)

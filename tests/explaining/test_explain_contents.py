"""Check 1 on a real board: whatever is not the run's bytes is named, and a healthy run is left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_runner.integer import image
from board_runner.integer.program import Program
from deployer import cli
from deployer.logs import paste
from tests.explaining.conftest import CLIPS, IDS, Bench, program

CLIP = CLIPS[0]


def test_of_a_healthy_run_nothing_is_proven(benched: Bench) -> None:
    """Every check looks and finds nothing: exit code 0; of the scores nothing is known, and that is said."""
    code, told = benched.explain()

    verdicts = {finding["check"]: finding["verdict"] for finding in told["findings"]}
    assert (0, None) == (code, told["cause"]), told
    assert "cannot tell" == verdicts.pop("dequantisation")
    assert {"fine"} == set(verdicts.values()), told


def test_without_a_board_the_same_run_is_judged_by_its_hashes(benched: Bench) -> None:
    """--offline asks no board and replays this machine's files of the recorded hashes."""
    benched.write(board={"port": 1})  # nobody listens there

    code, told = benched.explain("--offline")

    assert (0, None, None) == (code, told["cause"], told["board"])
    replay = told["findings"][-1]
    assert ("replay", "fine") == (replay["check"], replay["verdict"])
    code, told = benched.explain()
    assert 4 == code
    assert "--offline" in told["error"]


def test_a_person_reads_the_cause_and_the_cure(
    benched: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings on stdout up to the first proven one; the cause as error, the cure as hint."""
    monkeypatch.chdir(benched.root)
    assert 0 == cli.execute(["explain", "-q"])
    healthy = capsys.readouterr()
    assert "7. replay: fine: the board says what the simulator says" in healthy.out
    assert "no cause proven; not told: dequantisation" in healthy.out and not healthy.err

    _flip_a_byte(benched.on_board("models/eat.img"))
    assert 1 == cli.execute(["explain", "-q"])
    broken = capsys.readouterr()
    assert "1. contents: PROVEN: models/eat.img on the board is not what the run used" in broken.out
    assert "2. " not in broken.out
    assert "error: contents: models/eat.img" in broken.err and "hint: " in broken.err


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["models/eat.img", CLIP])
def test_a_changed_byte_is_found(name: str, benched: Bench) -> None:
    """Same size, one byte: told by content, with where it is and that nobody pushed it."""
    _flip_a_byte(benched.on_board(name))

    code, told = benched.explain()

    assert (1, "contents") == (code, told["cause"]["check"]), told
    assert told["cause"]["what"] == f"{name} on the board is not what the run used"
    assert "behind deploy's back" in told["cause"]["cure"]
    if name != CLIP:
        assert "1 of " in told["cause"]["evidence"][0] and "bytes differ" in told["cause"]["evidence"][0]


def test_a_missing_model_is_found(benched: Bench) -> None:
    """Gone is not changed."""
    benched.on_board("models/eat.img").unlink()

    code, told = benched.explain()

    assert (1, "models/eat.img on the board is gone") == (code, told["cause"]["what"])


def test_another_program_is_found(benched: Bench) -> None:
    """Written over the one that was pushed."""
    benched.on_board("prog_sed_eat").write_text(program(), encoding="utf-8")

    code, told = benched.explain()

    assert (1, "contents") == (code, told["cause"]["check"])
    assert told["cause"]["what"].startswith("prog_sed_eat on the board")


def test_another_release_is_told_from_damage(benched: Bench) -> None:
    """Pushed since: not the flash's fault, and the cure is another; the run's own release is not kept."""
    benched.write(program=benched.script(program()), board={"keep": 0})
    newest = benched.bench()
    old = next(run.id for run in benched.project.history().find() if run.id != newest.id)

    code, told = benched.explain(old)

    assert (1, "contents") == (code, told["cause"]["check"])
    assert "another release was pushed since" in told["cause"]["cure"]


def test_a_release_that_is_kept_is_looked_into(benched: Bench) -> None:
    """After a later push the run's own release is still on the board, whole: it is the one that is judged."""
    benched.write(program=benched.script(program()))
    newest = benched.bench()
    old = next(run.id for run in benched.project.history().find() if run.id != newest.id)

    code, told = benched.explain(old)

    assert (0, "fine") == (code, told["findings"][0]["verdict"]), told
    assert "which is not current any more, are the run's" in told["findings"][0]["what"]


def _rate(path: Path) -> None:
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples, 2 * rate, subtype="PCM_16", format="WAV")


def _half(path: Path) -> None:
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples / 2, rate, subtype="PCM_16", format="WAV")


def _stereo(path: Path) -> None:
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.stack([samples, samples], axis=1), rate, subtype="PCM_16", format="WAV")


def _shorter(path: Path) -> None:
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples[:5000], rate, subtype="PCM_16", format="WAV")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _unscaled(path: Path) -> None:
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples.astype(np.float32), rate, subtype="FLOAT", format="WAV")


def _silent(path: Path) -> None:
    samples, rate = soundfile.read(path)
    soundfile.write(path, 0 * samples, rate, subtype="PCM_16", format="WAV")


def _swapped_bytes(path: Path) -> None:
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples.byteswap(), rate, subtype="PCM_16", format="WAV")


SPOILT = [
    (_rate, "44100 Hz in place of 22050 Hz"),
    (_half, "0.5 times the amplitude"),
    (_stereo, "2 channels in place of 1"),
    (_shorter, "5000 samples in place of 110250"),
    (_cut, "truncated: the header states"),
    (_unscaled, "3.277e+04 times the amplitude"),
    (_silent, "silent"),
    (_swapped_bytes, "its bytes are swapped"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_a_spoilt_wav_is_found_and_what_was_done_to_it(
    spoil: Callable[[Path], None], words: str, benched: Bench
) -> None:
    """Any other bytes under a clip's name are found by content, and the change is told in words."""
    there = benched.on_board(CLIP)
    there.chmod(0o644)
    spoil(there)

    code, told = benched.explain()

    assert (1, "contents") == (code, told["cause"]["check"])
    assert words in told["cause"]["evidence"][0], told["cause"]


def test_a_swapped_wav_is_named_by_the_clip_that_it_is(benched: Bench) -> None:
    """One clip's bytes under another's name."""
    benched.on_board(CLIP).chmod(0o644)
    benched.on_board(CLIP).write_bytes(benched.on_board(CLIPS[1]).read_bytes())

    _, told = benched.explain()

    assert told["cause"]["what"].startswith(CLIP)
    assert f"it has the bytes of {CLIPS[1]}" in told["cause"]["evidence"][0]


def test_a_log_without_hashes_is_held_against_this_machines_files(benched: Bench) -> None:
    """A run pasted from a serial console has no hashes: the board's clip is compared with this machine's."""
    asked = "\n".join(f"./prog_sed_eat -i {c} -m models/eat.img\n{_said(c)}" for c in CLIPS)
    record = paste.parse_log(asked.encode(), source="serial.log", model="eat", labels=[])
    benched.project.history().add(record)
    board = ("--board", "desk")

    code, told = benched.explain(record.id, *board)
    assert (0, "fine") == (code, told["findings"][0]["verdict"]), told

    benched.on_board(CLIP).chmod(0o644)
    _stereo(benched.on_board(CLIP))
    code, told = benched.explain(record.id, *board)
    assert (1, f"{CLIP} on the board is another file than this machine's") == (code, told["cause"]["what"])
    code, told = benched.explain(record.id, "--offline")
    assert (0, "cannot tell") == (code, told["findings"][0]["verdict"])
    assert "fine" == told["findings"][-1]["verdict"]

    wrong = paste.parse_log(
        asked.replace("class id: 10", "class id: 12").encode(), source="x", model="eat", labels=[]
    )
    benched.project.history().add(wrong)
    code, told = benched.explain(wrong.id, "--offline")
    assert (0, "cannot tell") == (code, told["findings"][-1]["verdict"])
    assert "the record has no hashes" in told["findings"][-1]["what"]


def _said(clip: str) -> str:
    times = "model invoke time: 3.0 ms\npost process time: 0.1 ms"
    asked = f"inputs: {clip}\nmodel path: models/eat.img\nthe input image: ./{clip}"
    return f"{asked}\n{times}\nclass id: {IDS[clip]}\n"


def test_simulators_that_run_another_model_than_the_board_are_found(benched: Bench) -> None:
    """The board has what the run used; this machine converted anew since, so its simulators answer otherwise."""
    made = image.read(benched.root / ".deploy/artifacts/pcupid-eat/eat.img")
    _half(benched.clips / CLIP)
    other = benched.root / "other.img"
    other.write_bytes(image.pack("pcupid", made.contract, _without_names(made.program)))
    benched.write(model={"image": "other.img"})

    code, told = benched.explain()

    assert (1, "replay") == (code, told["cause"]["check"]), told
    assert "says what the simulator says of the same bytes, on 4 of 4 clips; " in told["cause"]["what"]
    assert f"this machine has another models/eat.img, {CLIP} than the run" in told["cause"]["what"]


def _without_names(made: Program) -> Program:
    return dataclasses.replace(
        made, instructions=tuple(dataclasses.replace(step, name="") for step in made.instructions)
    )

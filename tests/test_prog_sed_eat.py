"""The board program, line for line: on ONNX files in this process, on an eat.img in one of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import board_runner
from board_runner import prog_sed_eat, protocol
from deployer.logs import parser

DATA = Path(board_runner.__file__).parent / "data"
CLIPS = sorted((DATA / "clips").glob("*.wav"))
TRANSCRIPT = Path(__file__).parent / "transcripts" / "eat_pcupid_reflowed.DERIVED.txt"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `push` leaves it, with an ONNX model, and the current directory."""
    (tmp_path / "models").mkdir()
    shutil.copy(DATA / "eat.onnx", tmp_path / "models")
    for clip in CLIPS[:2]:
        shutil.copy(clip, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SGS_KMSG", raising=False)
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[str], str]:
    code = prog_sed_eat.main(argv)
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def test_the_lines_are_the_vendors(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Same lines, same order, same number formats as the captured run; only names and numbers differ."""
    name = CLIPS[0].name

    code, lines, err = _run(capsys, "-i", name, "-m", "models/eat.onnx")

    shape = TRANSCRIPT.read_text(encoding="utf-8").splitlines()[2:]
    captured = [line for line in shape if not line.startswith("client")]
    own = [line.replace(name, "WAV").replace("eat.onnx", "eat.img") for line in lines]
    vendors = [line.replace("1-137-A-32_22.05k.wav", "WAV") for line in captured]
    number = re.compile(r"\d+\.\d{6} ms|class id: \d+")
    assert (0, "") == (code, err)
    assert [number.sub("N", line) for line in vendors] == [number.sub("N", line) for line in own]


def test_the_answer_is_the_networks_and_the_times_are_measured(
    board: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The class id is that of the checkpoint's own logits; both times are above zero."""
    golden = np.load(DATA / "golden_logits.npz")
    best = dict(zip(golden["names"].tolist(), golden["logits"].argmax(axis=1).tolist(), strict=True))

    _, lines, _ = _run(capsys, "-i", CLIPS[0].name, "-m", "models/eat.onnx")

    (output,) = parser.parse_stream("\n".join(lines) + "\n")
    assert best[CLIPS[0].name] == output.class_id
    assert output.invoke_ms is not None and output.invoke_ms > 0
    assert output.post_process_ms is not None and 0 < output.post_process_ms < output.invoke_ms


def test_a_pattern_runs_every_wav_it_matches(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-i '*.wav'` gives one answer a file, sorted, from one loaded model."""
    code, lines, _ = _run(capsys, "-i", "*.wav", "-m", "models/eat.onnx")

    outputs = parser.parse_stream("\n".join(lines) + "\n")
    assert (0, 2) == (code, len(outputs))
    assert [f"./{clip.name}" for clip in CLIPS[:2]] == [output.image for output in outputs]
    assert all(output.complete for output in outputs)


def test_no_match_ends_with_zero_images(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the vendor's program: `found 0 images!`, nothing more, and 0."""
    code, lines, err = _run(capsys, "-i", "none.wav", "-m", "models/eat.onnx")

    assert (0, "found 0 images!", "") == (code, lines[-1], err)


def test_help_is_0_and_a_wrong_command_line_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The usage goes to stdout when asked for, to stderr when it corrects."""
    code, lines, _ = _run(capsys, "-h")
    assert (0, True) == (code, lines[0].startswith("Usage:"))
    for argv in ([], ["-i", "x.wav"], ["-z"], ["-i", "x.wav", "-m", "m", "more"], ["-i"]):
        code, lines, err = _run(capsys, *argv)
        assert (1, []) == (code, lines)
        assert "Usage:" in err


def _spoil(folder: Path, what: str) -> tuple[str, str]:
    """Make one thing wrong; gives `-i` and `-m`."""
    wav, model = CLIPS[0].name, "models/eat.onnx"
    if what == "no model":
        return wav, "models/none.img"
    if what == "damaged model":
        (folder / model).write_bytes((folder / model).read_bytes()[:5000])
    elif what == "foreign image":
        (folder / "models/eat.img").write_bytes(bytes(range(256)) * 20)
        return wav, "models/eat.img"
    elif what == "another rate":
        soundfile.write(folder / wav, np.zeros(100), 44100)
    elif what == "stereo":
        soundfile.write(folder / wav, np.zeros((100, 2)), 22050)
    elif what == "cut wav":
        (folder / wav).write_bytes((folder / wav).read_bytes()[:3000])
    elif what == "no audio":
        (folder / wav).write_text("no audio")
    return wav, model


@pytest.mark.parametrize(
    ("what", "words", "last"),
    [
        ("no model", "no such model file", "failed (8)!"),
        ("damaged model", "not an ONNX model", "failed (44)!"),
        ("foreign image", "not an image of this runner", "failed (44)!"),
        ("another rate", "44100 Hz, the model wants 22050 Hz (`deploy prepare", "the input image: ./"),
        ("stereo", "2 channels", "the input image: ./"),
        ("cut wav", "truncated", "the input image: ./"),
        ("no audio", "not a wav file", "the input image: ./"),
    ],
)
def test_a_failure_ends_with_255_and_words_that_the_host_understands(
    board: Path, capsys: pytest.CaptureFixture[str], what: str, words: str, last: str
) -> None:
    """No result line, the vendor's words on stdout, ours on stderr, and the host's parser repeats them."""
    wav, model = _spoil(board, what)

    code, lines, err = _run(capsys, "-i", wav, "-m", model)

    assert 255 == code
    assert words in err
    assert last in lines[-1]
    assert not any(line.startswith("class id") for line in lines)
    failure = parser.find_failure("\n".join([*lines, err]))
    assert failure is not None and words in failure.message


def test_silence_is_answered(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A silent clip has a class like any other, and no NaN on the way."""
    soundfile.write(board / "silent.wav", np.zeros(1000), 22050, subtype="PCM_16")

    code, lines, err = _run(capsys, "-i", "silent.wav", "-m", "models/eat.onnx")

    assert (0, "") == (code, err)
    assert lines[-1].startswith("class id: ")


def test_driver_lines_go_to_the_kernel_log_alone(
    board: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Connected and disconnected, with one process id, after success and failure alike; never on stdout."""
    monkeypatch.setenv("SGS_KMSG", str(board / "kmsg"))

    _, lines, _ = _run(capsys, "-i", CLIPS[0].name, "-m", "models/none.img")

    log = (board / "kmsg").read_text(encoding="utf-8").splitlines()
    numbers = {re.sub(r"client \[(\d+)\] .*", r"\1", line) for line in log}
    assert ["connected", "disconnected"] == [line.split()[2].rstrip(",") for line in log]
    assert 1 == len(numbers)
    assert not any("client" in line for line in lines)


@pytest.mark.parametrize(("dtype", "number"), [("float32", 5), ("int16", 2), ("uint8", 0), ("float64", 6)])
def test_the_format_line_follows_the_input_type(dtype: str, number: int) -> None:
    """The number is the IPU library's for that type."""
    assert f"unknown element format {number}" == protocol.element_format(dtype)

"""The two C programs beside the two Python programs: same lines, same files, same exit statuses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_runner import dla_simulator, prog_sed_eat
from deployer.logs import parser
from tests.integer import programs
from tests.native.build import Built
from tests.native.conftest import CLIPS, Levels

NUMBER = re.compile(r"\d+\.\d{6} ms|\d[\d.e-]* ms$")


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: dict[str, Path]) -> Path:
    """A folder as `push` leaves it, and the current directory."""
    (tmp_path / "models").mkdir()
    shutil.copy(images["8-bit"], tmp_path / "models" / "eat.img")
    (tmp_path / "models" / "vendor.img").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "models" / "other.bin").write_bytes(b"none of ours")
    (tmp_path / "clips" / "more").mkdir(parents=True)
    for clip in CLIPS[:2]:
        shutil.copy(clip, tmp_path / "clips")
    shutil.copy(CLIPS[0], tmp_path / "bare.wav")
    shutil.copy(CLIPS[0], tmp_path / "odd[1].wav")
    soundfile.write(tmp_path / "rate.wav", np.zeros(100), 44100)
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2)), 22050)
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), 22050)
    (tmp_path / "cut.wav").write_bytes(CLIPS[0].read_bytes()[:3000])
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "empty.wav").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SGS_KMSG", raising=False)
    return tmp_path


def _python(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = prog_sed_eat.main(words)
    captured = capfd.readouterr()
    return code, NUMBER.sub("N", captured.out), captured.err


def _c(built: Built, *words: str) -> tuple[int, str, str]:
    done = built.run("prog_sed_eat", *words)
    return done.returncode, NUMBER.sub("N", done.stdout), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("-i", "bare.wav", "-m", "models/eat.img"),
        ("-i", "clips", "-m", "./models//eat.img"),
        ("-i", "./clips/", "-m", "models/eat.img"),
        ("-m", "models/eat.img", "--images=clips/*.wav"),
        ("-i", "*[!x].wav", "-m", "models/none.img"),
        ("-i", "odd[1].wav", "--model", "models/eat.img"),
        ("-i", "none.wav", "-m", "models/eat.img"),
        ("-i", "silent.wav", "-m", "models/eat.img"),
        ("-i", "rate.wav", "-m", "models/eat.img"),
        ("-i", "stereo.wav", "-m", "models/eat.img"),
        ("-i", "cut.wav", "-m", "models/eat.img"),
        ("-i", "text.wav", "-m", "models/eat.img"),
        ("-i", "empty.wav", "-m", "models/eat.img"),
        ("-i", "bare.wav", "-m", "models/vendor.img"),
        ("-i", "bare.wav", "-m", "models"),
        ("-h",),
        ("--he", "-i", "x"),
        (),
        ("-i", "x.wav"),
        ("-z",),
        ("-i",),
        ("--model",),
        ("--help=1",),
        ("--nothing",),
        ("-i", "x.wav", "-m", "m", "more"),
        ("-ibare.wav", "-m", ""),
    ],
)
def test_prog_sed_eat_prints_what_the_python_program_prints(
    words: tuple[str, ...], here: Built, board: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Streams and status, measured times apart; also where files, names or options are wrong."""
    assert _python(capfd, *words) == _c(here, *words)


def test_the_times_are_measured(here: Built, board: Path) -> None:
    """The host's parser reads class and times, and the times are above zero."""
    done = here.run("prog_sed_eat", "-i", "bare.wav", "-m", "models/eat.img")

    (output,) = parser.parse_stream(done.stdout)
    assert output.complete
    assert output.invoke_ms is not None and output.post_process_ms is not None
    assert 0 < output.post_process_ms < output.invoke_ms


def test_the_kernel_log_gets_the_drivers_lines(here: Built, board: Path) -> None:
    """Connected and disconnected with one process id, never on stdout."""
    done = here.run("prog_sed_eat", "-i", "x", "-m", "none.img", env={"SGS_KMSG": str(board / "kmsg")})

    log = (board / "kmsg").read_text(encoding="utf-8")
    assert re.fullmatch(r"(client \[\d+\] )connected, module:ipu\n\1disconnected, module:ipu\n", log)
    assert "client" not in done.stdout


def test_a_board_without_the_memory_is_told_before_anything_runs(here: Built, board: Path) -> None:
    """20 MiB of address space: what is needed, what is there, and the vendor's failure line."""
    words = [str(here.folder / "prog_sed_eat"), "-i", "bare.wav", "-m", "models/eat.img"]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -v 9000; exec "$@"', "bash", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert 255 == done.returncode
    assert done.stdout.endswith("create ipu channel failed(15)!\n")
    assert re.search(r"needs \d+ KiB of memory to run, \d+ KiB can be had \(free memory", done.stderr)


def test_kernels_that_there_are_not_are_refused(here: Built, board: Path) -> None:
    """A name in SGS_KERNELS is a wish that is kept or refused."""
    done = here.run("prog_sed_eat", "-i", "x", "-m", "models/eat.img", env={"SGS_KERNELS": "abacus"})

    assert 255 == done.returncode
    assert "no kernels 'abacus'" in done.stderr


def test_class_ids_are_numpys(here: Built, references: dict[str, Levels], board: Path) -> None:
    """Every shipped clip from one folder."""
    expected = [int(levels.argmax()) for _, levels in sorted(references["8-bit"].outputs.items())]

    done = here.run("prog_sed_eat", "-i", CLIPS[0].parent, "-m", references["8-bit"].image)

    assert expected == [output.class_id for output in parser.parse_stream(done.stdout)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an image of two outputs, a damaged one, and inputs of right and wrong sizes."""
    blob = bytearray(programs.packed(programs.every_op()))
    (tmp_path / "eat.img").write_bytes(blob)
    blob[-5] ^= 1
    (tmp_path / "damaged.img").write_bytes(blob)
    (tmp_path / "in").mkdir()
    for seed in range(2):
        x = np.random.default_rng(seed).uniform(-1, 1, (1, 2, programs.LENGTH)).astype(np.float32)
        x.tofile(tmp_path / "in" / f"{seed}.bin")
    (tmp_path / "short.bin").write_bytes(bytes(95))
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SGS_KMSG", raising=False)
    return tmp_path


def _results(folder: Path) -> dict[str, str]:
    results = {path.name: path.read_text(encoding="utf-8") for path in (folder / "output").glob("*")}
    shutil.rmtree(folder / "output", ignore_errors=True)
    return results


@pytest.mark.parametrize(
    "words",
    [
        ("-i", "in/0.bin", "-m", "eat.img"),
        ("-i", "in", "-m", "./eat.img", "-f", "RAWDATA_NHWC"),
        ("-i", "in/1.bin", "-m", "eat.img", "--format", "DUMP_RAWDATA", "-c", "Unknown"),
        ("-i", "in/1.bin", "-m", "eat.img", "--training_formats=DUMP_RAWDATA"),
        ("-i", "in/0.bin,in/1.bin", "-m", "eat.img"),
        ("-i", "in,in/1.bin", "-m", "eat.img"),
        ("-i", "in/0.bin", "-m", "eat.img", "-f", "RAWDATA_NHWC,RAWDATA_NHWC"),
        ("-i", "short.bin", "-m", "eat.img"),
        ("-i", "in/none.bin", "-m", "eat.img"),
        ("-i", "nothing", "-m", "eat.img"),
        ("-i", ",", "-m", "eat.img"),
        ("-i", "in", "-m", "none.img"),
        ("-i", "in", "-m", "short.bin"),
        ("-i", "in", "-m", "eat.img", "-f", "BGR"),
        ("-i", "in", "-m", "eat.img", "-c", "Detection"),
        ("-m", "eat.img"),
        ("-h",),
        ("--nonsense",),
    ],
)
def test_dla_simulator_writes_what_the_python_program_writes(
    words: tuple[str, ...], here: Built, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Streams, status and every file under `output`, measured times apart."""
    status = dla_simulator.main(words)
    captured = capfd.readouterr()
    expected = _results(desk)

    done = here.run("dla_simulator", *words)

    number = re.compile(r"\t[\d.e-]+ ms")
    assert (status, captured.err) == (done.returncode, done.stderr)
    assert number.sub("", captured.out) == number.sub("", done.stdout)
    assert expected == _results(desk)


def test_a_damaged_image_ends_with_the_vendors_words(here: Built, desk: Path) -> None:
    """Error code 44 with the reason, status 0 as ever, and no `Done!`."""
    done = here.run("dla_simulator", "-i", "in", "-m", "damaged.img")

    assert 0 == done.returncode
    assert "Error Code: 44 (damaged.img: damaged image: wrong checksum)" in done.stderr
    assert "Done!" not in done.stdout

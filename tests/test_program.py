"""The Python board program as one file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import board_runner
from board_runner import audio, engine
from board_runner.models import eat
from board_runner.models.base import run_model
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.float_sim import write_float
from deployer import program
from deployer.logs import parser

DATA = Path(board_runner.__file__).parent / "data"
CLIP = sorted((DATA / "clips").glob("*.wav"))[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built once."""
    return program.build_python_program(tmp_path_factory.mktemp("program") / "prog_sed_eat")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose Python finds numpy and nothing else beyond the standard library."""
    folder = tmp_path_factory.mktemp("numpy-alone")
    site = Path(np.__file__).parent.parent
    for name in ("numpy", "numpy.libs"):
        if (site / name).exists():
            (folder / name).symlink_to(site / name)
    return {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip and a real `models/eat.img`, calibrated on that clip alone."""
    folder = tmp_path_factory.mktemp("pushed")
    (folder / "models").mkdir()
    shutil.copy(CLIP, folder)
    samples = eat.chunks(audio.read_wav(CLIP).samples[0], eat.contract())
    write_float(DATA / "eat.onnx", folder / "eat_float.sim")
    write_fixed(folder / "eat_float.sim", folder / "eat_fixed.sim", samples=samples)
    write_image(folder / "eat_fixed.sim", folder / "models" / "eat.img", chip="pcupid")
    return folder


def test_the_same_sources_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """A second build is no reason for a push."""
    again = program.build_python_program(tmp_path / "again")

    assert built.read_bytes() == again.read_bytes()
    assert {(1980, 1, 1, 0, 0, 0)} == {item.date_time for item in zipfile.ZipFile(again).infolist()}
    assert os.access(again, os.X_OK)
    assert again.read_bytes().startswith(b"#!/usr/bin/env python3\n")


def test_it_is_built_anew_only_where_that_is_needed(tmp_path: Path) -> None:
    """Unchanged sources and an untouched file cost no build; a file that was cut off is made whole again."""
    out = tmp_path / "prog_sed_eat"

    assert program.refresh(out)
    whole, made = out.read_bytes(), out.stat().st_mtime_ns
    assert not program.refresh(out)
    assert made == out.stat().st_mtime_ns
    out.write_bytes(whole[:1000])
    assert program.refresh(out)
    assert whole == out.read_bytes()
    (tmp_path / ".prog_sed_eat.sources").write_text("of another version")
    assert not program.refresh(out)  # built anew, to the same bytes
    assert made != out.stat().st_mtime_ns


def test_it_holds_what_an_image_needs_and_nothing_of_onnx(built: Path) -> None:
    """The model's front end and the loader of images are in, the reader of ONNX files is not."""
    names = set(zipfile.ZipFile(built).namelist())

    assert {"__main__.py", "board_runner/models/eat.py", "board_runner/integer/image.py"} <= names
    assert not names & {"board_runner/graph.py", "board_runner/float_engine.py"}
    assert not any("simboard" in name for name in names)


def test_it_starts_where_numpy_is_alone(built: Path, bare: dict[str, str]) -> None:
    """`python -S` with numpy on its path: the usage on stdout, and 0."""
    done = subprocess.run(
        [sys.executable, "-S", str(built), "-h"], env=bare, capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "-m, --model" in done.stdout


def test_it_starts_by_its_own_first_line(built: Path) -> None:
    """The file itself is a command; an unknown option is refused with 1."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(built), "--nonsense"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 1 == done.returncode
    assert "nonsense" in done.stderr


def test_another_makers_image_is_refused_by_name(built: Path, bare: dict[str, str], tmp_path: Path) -> None:
    """A vendor's eat.img cannot run here: said on stderr, failed as the vendor's program fails."""
    (tmp_path / "eat.img").write_bytes(os.urandom(4096))

    done = subprocess.run(
        [sys.executable, "-S", str(built), "-i", "x.wav", "-m", "eat.img"],
        env=bare,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 255 == done.returncode
    assert "eat.img: not an image of this runner" in done.stderr
    assert "Traceback" not in done.stderr
    assert "get model variable buffer size failed (44)!" == done.stdout.splitlines()[-1]


def test_with_numpy_alone_it_answers_as_the_host_does(
    built: Path, bare: dict[str, str], pushed: Path
) -> None:
    """On a real eat.img, where nothing but numpy can be imported: the class that the engine here gives."""
    done = subprocess.run(
        [sys.executable, "-S", str(built), "-i", CLIP.name, "-m", "models/eat.img"],
        env=bare,
        cwd=pushed,
        capture_output=True,
        check=False,
    )

    samples = audio.require(audio.read_wav(CLIP), 22050)
    here = run_model(eat, engine.load(pushed / "models" / "eat.img"), samples, eat.contract())
    (output,) = parser.parse_stream(done.stdout)
    assert (0, b"") == (done.returncode, done.stderr)
    assert eat.decode(here).class_id == output.class_id
    assert 5 == output.element_format
    assert [] == parser.check_asked(output, CLIP.name, "models/eat.img")


def test_on_an_image_it_imports_no_more_than_numpy(pushed: Path) -> None:
    """Where onnx and soundfile could be had, neither is touched."""
    code = (
        "import sys; from board_runner.prog_sed_eat import main;"
        f"code = main(['-i', {CLIP.name!r}, '-m', 'models/eat.img']);"
        "print('HEAVY', code, [m for m in ('onnx', 'soundfile', 'soxr', 'google.protobuf', 'yaml')"
        " if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=pushed, capture_output=True, text=True, check=True
    )

    assert "HEAVY 0 []" == done.stdout.splitlines()[-1]


def test_a_name_that_is_no_text_is_printed_as_it_is(built: Path, bare: dict[str, str], pushed: Path) -> None:
    """A file name in an old encoding comes out byte for byte, whatever the locale."""
    name = b"caf\xe9.wav"
    shutil.copy(os.fsencode(CLIP), os.fsencode(pushed) + b"/" + name)

    done = subprocess.run(
        [sys.executable, "-S", str(built), "-i", name, "-m", "models/eat.img"],
        env={**bare, "LC_ALL": "C.UTF-8"},
        cwd=pushed,
        capture_output=True,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)
    assert b"the input image: ./" + name in done.stdout.splitlines()


def test_a_damaged_image_is_refused(built: Path, bare: dict[str, str], pushed: Path) -> None:
    """One changed byte in the middle: no answer, no traceback, the fault in words."""
    data = bytearray((pushed / "models" / "eat.img").read_bytes())
    data[len(data) // 2] ^= 1
    (pushed / "damaged.img").write_bytes(data)

    done = subprocess.run(
        [sys.executable, "-S", str(built), "-i", CLIP.name, "-m", "damaged.img"],
        env=bare,
        cwd=pushed,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 255 == done.returncode
    assert "class id" not in done.stdout
    assert done.stderr.startswith("prog_sed_eat: damaged.img: ")
    assert "Traceback" not in done.stderr

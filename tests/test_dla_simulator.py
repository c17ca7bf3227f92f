"""The board's twin of simulator.py: its lines, its files, its odd exit statuses."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from board_runner import dla_simulator
from board_runner.contract import Array, TensorSpec
from board_runner.errors import InputError
from board_runner.integer.engine import OfflineEngine
from deployer import program
from deployer.logs import parser
from tests.integer import programs
from toolchain_wrappers.sigmastar import dumps

SPEC = TensorSpec(name="x", dtype="float32", shape=(1, 2, programs.LENGTH))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an image of two outputs and two inputs as `ndarray.tofile` writes them."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "eat.img").write_bytes(programs.packed(programs.every_op()))
    (tmp_path / "in").mkdir()
    for seed, name in enumerate(("a.bin", "b.bin")):
        _sample(seed).tofile(tmp_path / "in" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _sample(seed: int) -> Array:
    return np.random.default_rng(seed).uniform(-1, 1, SPEC.shape).astype(np.float32)


def _run(*words: str) -> int:
    return dla_simulator.main(["-m", "models/eat.img", *words])


@pytest.mark.parametrize("words", [["-f", "RAWDATA_NHWC"], ["--format", "DUMP_RAWDATA"], ["-c", "Unknown"]])
def test_its_file_holds_what_the_engine_gives(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both outputs in one file in the board's dialect, within six decimals; the XOR is that of the raw levels."""
    assert 0 == _run("-i", "in/a.bin", *words)

    engine = OfflineEngine.load(folder / "models" / "eat.img")
    raw, real = engine.run_raw({"x": _sample(0)}), engine.run({"x": _sample(0)})
    text = (folder / "output" / "unknown_eat.img_a.bin.txt").read_text(encoding="utf-8")
    found = dumps.parse(text)
    assert list(real) == [tensor.name for tensor in found]
    for tensor in found:
        np.testing.assert_allclose(tensor.values, real[tensor.name], atol=5.1e-7)
    assert f"tensor dim:{found[0].values.ndim},\tOriginal shape:[6 ]\n" in text
    said = parser.parse_simulator(capsys.readouterr().out)
    assert (dla_simulator.fingerprint(raw.values()), True) == (said.outputs_xor, said.done)
    assert 1 == len(said.invoke_ms) and said.invoke_ms[0] > 0


def test_its_lines_are_the_vendors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The blocks of inputs and outputs, a line a sample, and the last line."""
    assert 0 == _run("-i", "in", "-f", "RAWDATA_NHWC")

    lines = capsys.readouterr().out.splitlines()
    assert [
        "Input(0):",
        "    name:\tx",
        "    dtype:\tFLOAT32",
        "    shape:\t[1, 2, 12]",
        "    size:\t96",
    ] == lines[:5]
    assert ["Output(0):", "    name:\ty", "    dtype:\tINT16", "    shape:\t[6]", "    size:\t12"] == lines[
        5:10
    ]
    assert "    quantization:\t(0.0078125, 0)" == lines[10]
    assert ["1 / 2", "2 / 2"] == [line.partition("\t")[0] for line in lines if line.endswith(" ms")]
    assert "Done! Results in `output` folder." == lines[-1]
    assert 2 == len(list((folder / "output").iterdir()))


@given(st.lists(hnp.arrays(np.int16, st.integers(0, 9)), min_size=1, max_size=3))
def test_the_fingerprint_is_the_byte_wise_xor(outputs: list[Array]) -> None:
    """Byte k of all outputs goes into byte k mod 4, little-endian, k running on over the outputs."""
    expected = 0
    for k, byte in enumerate(b"".join(value.tobytes() for value in outputs)):
        expected ^= byte << 8 * (k % 4)

    assert expected == dla_simulator.fingerprint(outputs)


@pytest.mark.parametrize("size", [0, 95, 97, 192])
def test_an_input_of_another_size_is_refused(
    size: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The vendor's program takes it; ours says so, writes nothing, and leaves no older result in its place."""
    (folder / "in" / "a.bin").write_bytes(bytes(size))
    (folder / "output").mkdir()
    (folder / "output" / "unknown_eat.img_a.bin.txt").write_text("old", encoding="utf-8")

    assert 1 == _run("-i", "in/a.bin", "-f", "RAWDATA_NHWC")

    streams = capsys.readouterr()
    assert f"in/a.bin has {size} bytes, input x takes 96" in streams.err
    assert "Done!" not in streams.out
    assert not list((folder / "output").iterdir())


def test_a_stale_file_is_replaced_and_others_are_left(folder: Path) -> None:
    """Only the file about to be written is removed."""
    (folder / "output").mkdir()
    (folder / "output" / "unknown_eat.img_a.bin.txt").write_text("old", encoding="utf-8")
    (folder / "output" / "mine.txt").write_text("mine", encoding="utf-8")

    assert 0 == _run("-i", "in/a.bin")

    assert "Tensor:" in (folder / "output" / "unknown_eat.img_a.bin.txt").read_text(encoding="utf-8")
    assert "mine" == (folder / "output" / "mine.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["-m", "models/none.img", "-i", "in"], 0, "Get model variable buffer size failed! Error Code: 8"),
        (["-m", "in/a.bin", "-i", "in"], 0, "Get model variable buffer size failed! Error Code: 44"),
        (["-m", "models/eat.img", "-i", "in/c.bin"], 1, "Error! Can not read picture: in/c.bin"),
        (["-m", "models/eat.img", "-i", "in/a.bin,in/b.bin"], 0, "Size of format list"),
        (["-m", "models/eat.img", "-i", "in", "-f", "BGR"], 0, "model training input format only support"),
        (["-m", "models/eat.img", "-i", "in", "-c", "Detection"], 0, "model category only support"),
        (["-m", "models/eat.img"], 0, "Usage: ./prog_dla_dla_simulator"),
        (["-h"], 0, "Usage: ./prog_dla_dla_simulator"),
        (["--nonsense"], 0, "nonsense"),
    ],
)
def test_failures_are_told_as_the_vendor_tells_them(
    words: list[str], status: int, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error in words and, but for an unreadable input, exit status 0: only `Done!` means success."""
    assert status == dla_simulator.main(words)

    streams = capsys.readouterr()
    assert said in streams.out + streams.err
    assert "Done!" not in streams.out


def test_a_folder_that_cannot_be_written_is_an_error_and_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file lies where `output` belongs: one line, and no `Done!`."""
    (folder / "output").write_text("", encoding="utf-8")

    assert 1 == _run("-i", "in/a.bin")

    streams = capsys.readouterr()
    assert "output" in streams.err and "Traceback" not in streams.err
    assert "Done!" not in streams.out


def test_a_damaged_image_is_an_error_and_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bit: the loader's checks hold here as well."""
    path = folder / "models" / "eat.img"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)

    assert 0 == _run("-i", "in/a.bin")
    assert "Error Code: 44" in capsys.readouterr().err


def test_float_files_for_an_integer_input_must_hold_its_values(tmp_path: Path) -> None:
    """RAWDATA_NHWC is float32 for every model; what the input's type cannot hold is refused, not rounded."""
    spec = TensorSpec(name="x", dtype="uint8", shape=(3,))
    np.array([0, 7, 255], np.float32).tofile(tmp_path / "whole.bin")
    np.array([0, 7.5, 255], np.float32).tofile(tmp_path / "half.bin")

    assert [0, 7, 255] == dla_simulator.read_input(tmp_path / "whole.bin", spec, "RAWDATA_NHWC").tolist()
    with pytest.raises(InputError, match="uint8 does not"):
        dla_simulator.read_input(tmp_path / "half.bin", spec, "RAWDATA_NHWC")


def test_packed_as_one_file_it_runs_on_numpy_alone(folder: Path) -> None:
    """`python -S` with numpy on its path gives the file that the module gives here, and holds no ONNX reader."""
    built = program.build_python_program(folder / "prog_dla_dla_simulator", program.SIMULATOR)
    again = program.build_python_program(folder / "again", program.SIMULATOR)
    bare = folder / "numpy-alone"
    bare.mkdir()
    for name in ("numpy", "numpy.libs"):
        if (Path(np.__file__).parent.parent / name).exists():
            (bare / name).symlink_to(Path(np.__file__).parent.parent / name)
    assert 0 == _run("-i", "in/a.bin")
    here = (folder / "output" / "unknown_eat.img_a.bin.txt").read_bytes()

    done = subprocess.run(
        [sys.executable, "-S", str(built), "-i", "in/a.bin", "-m", "models/eat.img", "-f", "RAWDATA_NHWC"],
        env={"PYTHONPATH": str(bare), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert here == (folder / "output" / "unknown_eat.img_a.bin.txt").read_bytes()
    assert built.read_bytes() == again.read_bytes()
    assert not {"board_runner/graph.py", "board_runner/float_engine.py"} & set(
        zipfile.ZipFile(built).namelist()
    )

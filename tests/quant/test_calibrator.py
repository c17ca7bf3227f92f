"""The stand-in's calibrator.py: the vendor's options do what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from board_runner.quant.float_sim import write_float
from tests.quant import small
from toolchain_wrappers import standin
from toolchain_wrappers.sigmastar.input_config import ConvFormat, InputConfig

SOUNDS = 3
PREPROCESS = "import numpy\n\n\ndef image_preprocess(path, norm=True):\n    return numpy.load(path)\n"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toolchain's folder."""
    return standin.make(tmp_path_factory.mktemp("standin")).tools_dir


def _work(folder: Path, conv_format: ConvFormat = "AUTO") -> Path:
    (folder / "data").mkdir(parents=True)
    for index, sound in enumerate(small.sounds(SOUNDS)):
        np.save(folder / "data" / f"{index}.npy", sound["images"])
    write_float(small.save(folder / "m.onnx"), folder / "m_float.sim")
    (folder / "pre.py").write_text(PREPROCESS)
    ini = InputConfig.new(inputs=["images"], outputs=["output"])
    ini.with_conv_config(None if conv_format == "AUTO" else conv_format).save(folder / "input_config.ini")
    return folder


def _calibrate(tools: Path, work: Path, *words: str) -> tuple[bytes, str]:
    """The fixed model, and what the tool printed."""
    given = ["-i", "data", "-m", "m_float.sim", "--input_config", "input_config.ini", "-n", "pre.py"]
    script = [str(tools / "bin" / "python3"), str(tools / "Scripts" / "calibrator" / "calibrator.py")]
    done = subprocess.run(
        [*script, *given, *words, "--soc_version", "pcupid"],
        cwd=work,
        env={**os.environ, "SGS_IPU_DIR": str(tools)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return (work / "m_fixed.sim").read_bytes(), done.stdout


def _steps(printed: str) -> list[str]:
    return re.findall(r"\](\d+\.\d\d)% \| ETA", printed)


def test_the_default_is_l5_which_runs_the_data_twice(tools: Path, tmp_path: Path) -> None:
    """A bar of 2 N steps, a line for each convolution that was upgraded; one process or four make one model."""
    first, printed = _calibrate(tools, _work(tmp_path / "a"), "--num_process", "1")
    second, _ = _calibrate(tools, _work(tmp_path / "b"), "--quant_level", "L5", "--num_process", "4")

    assert ["16.67", "33.33", "50.00", "66.67", "83.33", "100.00"] == _steps(printed)
    assert 1 == printed.count("Total time elapsed:") and "upgraded to 16 bits" in printed
    assert first == second


def test_saved_quant_info_is_a_quant_file(tools: Path, tmp_path: Path) -> None:
    """Written by one run and read by another at a lower level, it gives the same model."""
    work = _work(tmp_path / "a")
    made, printed = _calibrate(tools, work, "--save_quant_info")
    again, _ = _calibrate(
        tools, work, "--quant_level", "L1", "--quant_file", str(work / "m_fixed_quant_info.json")
    )

    assert "Quant info at:" in printed and made == again


def test_the_threshold_is_the_vendors_sth(tools: Path, tmp_path: Path) -> None:
    """Nothing makes as much noise as signal: with 1 nothing is upgraded, and L5 is L3."""
    work = _work(tmp_path / "a")
    quiet, printed = _calibrate(tools, work, "-sth", "1.0")
    third, _ = _calibrate(tools, work, "--quant_level", "L3")

    assert "upgraded" not in printed and quiet == third


def test_what_the_ini_says_goes_first(tools: Path, tmp_path: Path) -> None:
    """ALL_UINT8 keeps L5 from upgrading; with ALL_INT16 it is lowered to L2, one pass, and says so."""
    narrow, printed = _calibrate(tools, _work(tmp_path / "a", "ALL_UINT8"))
    third, _ = _calibrate(tools, tmp_path / "a", "--quant_level", "L3")
    assert narrow == third and "upgraded" not in printed

    _, printed = _calibrate(tools, _work(tmp_path / "b", "ALL_INT16"))
    assert SOUNDS == len(_steps(printed)) and "L5 is lowered to L2" in printed

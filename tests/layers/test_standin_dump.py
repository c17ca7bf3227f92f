"""The stand-in's layer dumps, by the vendor's switches."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from deployer.conversion import staging
from deployer.project import Project
from tests.quant import small
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import layer_dumps
from toolchain_wrappers.sigmastar.layer_dumps import Dump


def _simulate(project: Project, model: str, work: Path, config: str) -> str:
    (work / layer_dumps.CONFIG).write_text(config, encoding="utf-8")
    staging.stage(work / "data", [("a.wav", small.sounds(1)[0]["images"])], suffix=".npy")
    argv = project.toolchain.tools.simulator(
        model=project.artifacts_dir / model,
        data=work / "data",
        preprocess=project.artifacts_dir / "preprocess.py",
        chip="pcupid",
        work=work,
        stage="fixed",
    )
    return subprocess.run(argv, cwd=work, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """A folder for the dump."""
    (tmp_path / "d").mkdir()
    return tmp_path / "d"


def test_levels_and_real_numbers_are_the_same_tensors(project: Project, tmp_path: Path, into: Path) -> None:
    """A fixed model with dequantFixed and without."""
    read = []
    for dequantised in (True, False):
        config = layer_dumps.config(str(into), dequantised=dequantised)
        _simulate(project, "eat_fixed.sim", tmp_path, config)
        dump = Dump(into / layer_dumps.DUMP)
        read.append({name: dump[name] for name in dump})
        assert ("<f4" if dequantised else "<i2") == dump.blocks["sum"].dtype

    assert read[0].keys() == read[1].keys()
    for name, tensor in read[0].items():
        np.testing.assert_allclose(read[1][name], tensor, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("model", "switches", "said"),
    [
        ("eat.img", "dumpTensor\npath={}\n", ""),
        ("eat_fixed.sim", "#dumpTensor\npath={}\n", ""),
        ("eat_fixed.sim", "dumpTensor\npath={}/not/there\n", "write file fail..."),
    ],
)
def test_no_dump_without_a_switch_a_folder_or_a_model_with_layers(
    project: Project, tmp_path: Path, into: Path, model: str, switches: str, said: str
) -> None:
    """An offline model cannot be dumped; the run itself goes well."""
    text = _simulate(project, model, tmp_path, switches.format(into))

    assert said in text
    assert [] == list(into.iterdir())
    assert 1 == len(list((tmp_path / "log" / "output").glob("*.txt")))


def test_text_instead_of_data_is_refused_with_the_switch_to_turn_off(
    project: Project, tmp_path: Path, into: Path
) -> None:
    """`dumpasstring` states the size of the binary form."""
    _simulate(project, "eat_float.sim", tmp_path, f"dumpTensor\ndumpasstring\npath={into}\n")

    with pytest.raises(ToolchainError, match="does not end after") as caught:
        Dump(into / layer_dumps.DUMP)
    assert "dumpasstring" in caught.value.hint

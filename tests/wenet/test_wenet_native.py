"""The recogniser's image in the C runtime: chunk after chunk the bits of numpy, state going round through files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from board_runner import dla_simulator
from board_runner.integer.engine import OfflineEngine
from board_runner.models import wenet
from board_runner.models.base import runs
from tests.native import build
from tests.native.build import Built
from tests.wenet.streams import Streamed
from toolchain_wrappers.sigmastar import dumps

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The C programs for this machine."""
    if lacks := build.missing(["make", "cc"]):
        pytest.skip(f"needs {lacks}")
    out = tmp_path_factory.mktemp("built")
    build.make(out, "all")
    return Built(folder=out)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_c_runtime_gives_numpys_bits_and_carries_its_own_state(
    fixed: dict[int, Path], streamed: Streamed, programs: Built, tmp_path: Path, bits: int
) -> None:
    """Five chunks by `dla_simulator`: the outputs are numpy's, and each chunk gets what it wrote for the last."""
    path = fixed[bits].with_suffix(".img")
    engine = OfflineEngine.load(path)
    state: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}
    for number, (given, _) in enumerate(runs(wenet, engine, streamed.clips[0][:26000], streamed.contract)):
        folder = tmp_path / str(number)
        folder.mkdir()
        names = [spec.name for spec in engine.inputs]
        for name in names:
            (folder / name).write_bytes(np.asarray(state.get(name, given[name]), "<f4").tobytes())
        formats = ",".join(["RAWDATA_NHWC"] * len(names))
        done = programs.run("dla_simulator", "-i", ",".join(names), "-m", path, "-f", formats, cwd=folder)
        assert (0, "") == (done.returncode, done.stderr)
        expected = engine.run_raw(given)
        assert f"All outputs XOR = 0x{dla_simulator.fingerprint(expected.values()):08x}" in done.stdout
        text = next((folder / "output").iterdir()).read_text(encoding="utf-8")
        said = {tensor.name: tensor.values for tensor in dumps.parse(text)}
        assert list(said) == [spec.name for spec in engine.outputs]
        state = {name: said[f"next_{name}"] for name in names if f"next_{name}" in said}
        for name, value in state.items():
            levels = np.rint(value / engine.output_scales[f"next_{name}"])
            assert np.array_equal(levels, expected[f"next_{name}"])
    assert number >= 4

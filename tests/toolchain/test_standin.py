"""The stand-in tree on its own: the vendor's options, words, wiped folders and habits."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from deployer import resources
from deployer.conversion import staging
from toolchain_wrappers import standin
from toolchain_wrappers.standin import StandinTree


@pytest.fixture
def tree(tmp_path: Path) -> StandinTree:
    """A tree with the ONNX and one calibration file where the vendor's documents put them."""
    made = standin.make(tmp_path)
    algorithm = made.models_dir / "sed" / "eat"
    shutil.copy(resources.data_dir() / "eat.onnx", algorithm / "onnx" / "eat_sim.onnx")
    rng = np.random.default_rng(5)
    sound = rng.uniform(-0.95, 0.95, (1, 1, 114688)).astype(np.float32)
    np.save(algorithm / "quant_data" / "a.npy", sound)
    staging.preprocess(algorithm / "eat_preprocess.py", sound.shape)
    return made


def _convert(tree: StandinTree, simulate: str) -> subprocess.CompletedProcess[str]:
    words = ["-a", "sed/eat", "-c", "config/sed_eat.cfg", "-p", str(tree.tools_dir), "-s", simulate]
    return subprocess.run(
        ["bash", "convert.sh", *words], cwd=tree.models_dir, capture_output=True, text=True, check=False
    )


def test_the_documented_commands_convert_and_simulate_by_hand(tree: StandinTree) -> None:
    """The vendor's own cfg and ini, both modes, the files under the documented names."""
    made = _convert(tree, "false")
    simulated = _convert(tree, "true")

    (folder,) = (tree.models_dir / "output").iterdir()
    assert folder.name.startswith("pcupid_")
    assert {"eat.img", "eat_fixed.sim", "eat_float.sim"} == {path.name for path in folder.iterdir()}
    assert "\x1b[31mRun Pack Tool OK.\x1b[0m" in made.stdout
    assert "100.00% | ETA: 00:00:00" in made.stdout
    assert "Net:" in simulated.stdout
    dump = tree.models_dir / "sed" / "eat" / "log" / "output" / "unknown_eat_float.sim_a.npy.txt"
    assert dump.read_text().startswith(
        "output Tensor:\n{\ntensor dim:2,  Original shape:[1 50]\ntensor data:\n"
    )


def test_failures_are_swallowed_as_the_vendors_are(tree: StandinTree) -> None:
    """Without calibration data there is a traceback, no model, and an exit status that nobody should rely on."""
    (tree.models_dir / "sed" / "eat" / "quant_data" / "a.npy").rename(
        tree.models_dir / "sed" / "eat" / "quant_data" / "a.wav"
    )

    done = _convert(tree, "false")

    assert "No images found in quant_data" in done.stderr
    assert [] == list((tree.models_dir / "output").rglob("eat.img"))


def test_the_tools_refuse_to_run_without_their_environment(tree: StandinTree) -> None:
    """The vendor's words for a forgotten `source cfg_env.sh`."""
    script = tree.tools_dir / "Scripts" / "calibrator" / "simulator.py"
    environment = {key: value for key, value in os.environ.items() if key != "SGS_IPU_DIR"}

    done = subprocess.run(
        [tree.tools_dir / "bin" / "python3", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "Run source cfg_env.sh in top directory." in done.stderr

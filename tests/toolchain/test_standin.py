"""The stand-in tree on its own: the vendor's options, words, wiped folders and habits."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from board_runner.quant.float_sim import write_float
from deployer import resources
from deployer.conversion import staging
from toolchain_wrappers import standin
from toolchain_wrappers.standin import StandinTree
from toolchain_wrappers.standin.variants import Variant


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


def test_the_documented_commands_convert_and_simulate_by_hand(
    tree: StandinTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor's own cfg and ini, both modes, the files under the documented names."""
    monkeypatch.setenv("LEVEL", "L1")
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


def _tool(
    tree: StandinTree, script: str, *words: str, cwd: Path, python: str = "python3"
) -> subprocess.CompletedProcess[str]:
    """One tool in the environment that its own release sets."""
    line = 'cd "$1" && . ./cfg_env.sh && cd "$2" && shift 2 && exec "$@"'
    path = tree.tools_dir / script
    argv = ["bash", "-c", line, "tool", str(tree.tools_dir), str(cwd), python, str(path), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def _with_a_bad_file(folder: Path) -> Path:
    """Two data files, the second of which no preprocess script can read."""
    data = folder / "data"
    data.mkdir()
    np.save(data / "a.npy", np.zeros((1, 1, 114688), np.float32))
    (data / "b.npy").write_bytes(b"no array")
    return data


def test_several_processes_swallow_all_errors_but_the_firsts(tree: StandinTree, tmp_path: Path) -> None:
    """`Run evaluation OK.` and exit status 0 with a text missing; one process says nothing and fails."""
    data, script = _with_a_bad_file(tmp_path), tree.models_dir / "sed" / "eat" / "eat_preprocess.py"
    model = tmp_path / "eat_float.sim"
    write_float(resources.data_dir() / "eat.onnx", model)
    done = {}
    for processes in ("1", "2"):
        work = tmp_path / processes
        work.mkdir()
        words = ["-i", str(data), "-m", str(model), "-n", str(script), "--num_process", processes]
        simulator = "Scripts/calibrator/simulator.py"
        done[processes] = _tool(tree, simulator, *words, "--soc_version", "pcupid", cwd=work)

    assert 0 == done["2"].returncode and "Run evaluation OK." in done["2"].stdout
    assert ["unknown_eat_float.sim_a.npy.txt"] == [
        path.name for path in (tmp_path / "2" / "log" / "output").iterdir()
    ]
    assert 0 != done["1"].returncode
    assert not any(words in done["1"].stdout for words in ("Start to evaluate", "OK.", "ETA"))


def test_sdk_1x_says_ok_before_it_looks(tmp_path: Path) -> None:
    """Its own words and options; the pack tool's OK and exit status 0 without an image."""
    tree = standin.make(tmp_path / "release", Variant(is_1x=True))
    broken = tmp_path / "eat_fixed.sim"
    write_float(resources.data_dir() / "eat.onnx", broken)
    made = _tool(tree, "Scripts/calibrator/compiler.py", "-m", str(broken), cwd=tmp_path, python="python32")
    words = ["-i", str(tmp_path), "-m", str(broken), "-n", "x.py"]
    simulator = "Scripts/calibrator/simulator.py"
    refused = _tool(tree, simulator, *words, "--soc_version", "pcupid", cwd=tmp_path, python="python32")

    assert 0 == made.returncode and "Run Pack Tool OK." in made.stdout
    assert not list(tmp_path.glob("*.img"))
    assert 0 != refused.returncode and "the following arguments are required: -t" in refused.stderr


def test_bytes_that_are_no_image_are_a_traceback(tree: StandinTree, tmp_path: Path) -> None:
    """Bytes that are no image are a traceback, and its scratch file is deleted again."""
    image = tmp_path / "eat.img"
    image.write_bytes(os.urandom(64))
    words = ["-m", str(image), "--soc_version", "pcupid"]
    failed = _tool(tree, "DumpDebug/show_img_info.py", *words, cwd=tmp_path)

    assert 0 != failed.returncode and "parse_img failed" in failed.stderr
    assert [image] == sorted(path for path in tmp_path.iterdir() if path.is_file())


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

"""A project's stages by layers, dumped by the toolchain's own simulator."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from board_runner.engine import load
from board_runner.errors import UsageError
from board_runner.float_engine import FloatEngine
from board_runner.integer.engine import IntegerEngine
from deployer import artifacts, resources
from deployer.convert import model_inputs
from deployer.events import Event, ignore
from deployer.layers import analysis, between, disk, files, plot
from deployer.layers.between import LayerRequest
from deployer.layers.disk import Need
from deployer.layers.dumped import DumpStage, work_parent
from deployer.layers.measure import Errors
from deployer.layers.report import LayerReport
from deployer.layers.shown import EngineStage
from deployer.project import Project
from deployer.settings import config
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Container
from toolchain_wrappers.sigmastar import layer_lines

FIXED = LayerRequest(reference="float", candidate="fixed")


@pytest.fixture(scope="session")
def report(project: Project) -> LayerReport:
    """Float against fixed on the first clip, through the tree."""
    return between.run(project, between.plan(project, FIXED))


def test_dumps_through_the_tree_say_what_our_engines_say(project: Project, report: LayerReport) -> None:
    """Every figure of every layer, from raw data in a file instead of memory."""
    planned = between.plan(project, FIXED)
    reference, candidate = (load(project.artifacts_dir / f"eat_{name}.sim") for name in ("float", "fixed"))
    assert isinstance(reference, FloatEngine)
    assert isinstance(candidate, IntegerEngine)
    ours = replace(
        planned.pair,
        reference=EngineStage("float", reference, detail="ours"),
        candidate=EngineStage("fixed", candidate, detail="ours"),
    )
    clips = model_inputs(project.model, project.contract, planned.wavs)

    expected = analysis.analyse(ours, clips, emit=ignore)

    assert isinstance(planned.pair.candidate, DumpStage)
    assert expected.rows == report.rows
    assert {"conv8", "linear", "quantize"} <= {row.op for row in report.rows}
    assert all(row.single is not None for row in report.rows)


def test_onnx_and_float_are_the_same(project: Project) -> None:
    """Layer by layer, and then there is nothing single to look at."""
    found = between.run(project, between.plan(project, LayerRequest(reference="onnx", candidate="float")))

    assert all(row.accumulated.noise_ratio == 0.0 for row in found.rows)
    assert found.jump is None
    assert "not quantised" in found.no_single


def test_our_own_image_shows_its_layers_and_they_are_fixeds(project: Project) -> None:
    """Fixed and offline are one arithmetic, layer by layer."""
    found = between.run(
        project, between.plan(project, LayerRequest(reference="fixed", candidate="offline", clips=2))
    )

    assert all(row.accumulated.noise_ratio == 0.0 for row in found.rows)
    assert 2 == len(found.clips)


@pytest.mark.parametrize(
    ("stage", "message", "cure"),
    [
        ("board", "a board shows no layers", "fixed"),
        ("torch", "PyTorch", "onnx"),
        ("quantum", "no stage", "offline"),
        ("float", "two different stages", ""),
    ],
)
def test_a_stage_without_layers_is_refused_with_the_cure(
    project: Project, stage: str, message: str, cure: str
) -> None:
    """Before anything runs."""
    with pytest.raises(UsageError, match=message) as caught:
        between.plan(project, LayerRequest(reference="float", candidate=stage))
    assert cure in caught.value.hint


def test_a_vendors_image_is_refused_and_a_vendors_fixed_has_no_single(
    project: Project, tmp_path: Path
) -> None:
    """What our runner cannot load is the vendor's: no layers of an image, no layer alone of a fixed model."""
    root = project.deployment.root
    shutil.copytree(root, tmp_path / "p", dirs_exist_ok=True)
    foreign = Project(config.load(tmp_path / "p" / "deploy.yaml"))
    folder = foreign.artifacts_dir
    text = json.loads((folder / "manifest.json").read_text())
    for name in ("eat.img", "eat_fixed.sim"):
        (folder / name).write_bytes(b"SGS" + bytes(100))
        text["outputs"][name] = artifacts.sha256(folder / name)
    (folder / "manifest.json").write_text(json.dumps(text))

    with pytest.raises(UsageError, match="cannot dump the layers of an image") as caught:
        between.plan(foreign, LayerRequest(reference="float", candidate="offline"))
    assert "fixed" in caught.value.hint
    planned = between.plan(foreign, FIXED)
    assert planned.pair.alone is None
    assert "need our own runner" in planned.pair.no_single
    with pytest.raises(ToolchainError, match="the fixed simulator gave no layers"):
        between.run(foreign, planned)


def test_more_clips_than_there_are_are_refused(project: Project) -> None:
    """With the number that there is."""
    with pytest.raises(UsageError, match="there are 3 clips"):
        between.plan(project, replace(FIXED, clips=4))


def test_disk_is_reckoned_from_shapes_as_it_will_be_used(project: Project, tmp_path: Path) -> None:
    """Kept tensors take what was said, less what headers did not need."""
    request = replace(FIXED, clips=2, keep=tmp_path / "tensors")
    planned = between.plan(project, request)
    dumps, kept = planned.needs

    assert (tmp_path / "tensors").exists() is False
    between.run(project, planned)
    archives = sorted((tmp_path / "tensors").rglob("*.npz"))

    assert 0 == planned.unsized
    assert dumps.enough
    assert sum(path.stat().st_size for path in archives) <= 1.1 * kept.size_bytes
    assert 2 * 11 == len(archives)
    with np.load(archives[0]) as layer:
        assert {"reference", "candidate", "single"} == set(layer)


def test_disk_for_the_shipped_model_is_what_its_tensors_are(project: Project) -> None:
    """To the byte, apart from the headers."""
    path = resources.data_dir() / "eat.onnx"
    sizes = disk.tensor_sizes(path)
    engine = FloatEngine.load(path)
    tensors = engine.intermediates({"images": np.zeros((1, 1, 114688), np.float32)})
    constants = {name for node in engine.graph.nodes if node.op_type == "Constant" for name in node.outputs}

    stated = sizes.size_bytes - 512 * sizes.layers
    assert stated == sum(value.nbytes for name, value in tensors.items() if name not in constants)
    assert (len(tensors) - len(constants), 0) == (sizes.layers, sizes.unknown)


def test_too_little_room_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Need, free room and cure; needs on one file system add up."""
    small = Need(what="a", folder=tmp_path / "x", size_bytes=600_000, free_bytes=1_000_000, cure="less of a")
    disk.check([small])

    with pytest.raises(UsageError, match=r"need 1.2 MB in .*x; 1.0 MB are free") as caught:
        disk.check([small, replace(small, cure="less of b")])
    assert "less of b" == caught.value.hint
    assert [] == list(tmp_path.iterdir())


def test_nothing_is_dumped_where_there_is_no_room(project: Project) -> None:
    """The need is held against the disk before the first simulator starts."""
    planned = between.plan(project, FIXED)
    (dumps,) = planned.needs
    events: list[Event] = []

    with pytest.raises(UsageError, match="2 dumps of 10 layers"):
        between.run(project, replace(planned, needs=(replace(dumps, free_bytes=1),)), emit=events.append)
    assert [] == events


def test_a_container_dumps_where_it_can_see(project: Project) -> None:
    """Not in this host's folder for temporary files."""
    tools = replace(project.toolchain.tools, runtime=Container(engine="docker", image="sgs_docker:v1.8"))

    assert tools.tree.algorithm_dir == work_parent(tools)
    assert tools.tree.algorithm_dir != work_parent(project.toolchain.tools)


def test_what_is_kept_can_be_read_again(report: LayerReport, tmp_path: Path) -> None:
    """JSON without NaN, the vendor's lines, and an SVG with the same bytes every time."""
    paths = files.write(report, tmp_path / "out")

    data = json.loads(paths[0].read_text())
    listed = layer_lines.parse(paths[1].read_text())
    assert [row.name for row in report.rows] == [row["name"] for row in data["rows"]]
    assert data["jump"] is None or data["jump"]["name"] in {row.name for row in report.rows}
    assert [row.index for row in report.rows] == [line.index for line in listed]
    for row, line in zip(report.rows, listed, strict=True):
        assert row.accumulated.cosine == pytest.approx(line.cosine, abs=1e-6)
    assert "{http://www.w3.org/2000/svg}svg" == ElementTree.parse(paths[2]).getroot().tag
    assert paths[2].read_bytes() == plot.draw(report, tmp_path / "again.svg").read_bytes()


def test_a_layer_without_meaning_is_still_json(report: LayerReport) -> None:
    """A reference of zeros: figures and jump are null, not Infinity."""
    nothing = Errors(cosine=None, rmse=None, mse=1.0, sqnr_db=None)
    broken = replace(report, rows=(replace(report.rows[0], accumulated=nothing, single=nothing),))

    data = json.loads(json.dumps(files.as_data(broken), allow_nan=False))

    assert (None, None) == (data["jump"]["factor"], data["rows"][0]["accumulated"]["sqnr_db"])
    assert ["suspicious"] == data["rows"][0]["marks"]

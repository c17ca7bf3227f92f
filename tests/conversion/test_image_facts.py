"""For which chip an image is and what it takes: from whatever can tell."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from board_runner.integer.image import pack, read
from deployer import artifacts, convert
from deployer.artifacts import Artifacts
from deployer.conversion import image_facts
from deployer.conversion.job import ConvertJob
from deployer.events import Event, Warned, ignore
from deployer.project import Project
from deployer.settings import config
from tests.toolchain import jobs

INPUT = "images [1, 1, 114688] float32"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ConvertJob:
    """A conversion of the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVEL", "L1")
        made = jobs.make(tmp_path_factory.mktemp("facts"), name="tree")
        convert.convert(made, force=False, emit=ignore)
    return made


@pytest.fixture(scope="module")
def made(job: ConvertJob) -> Artifacts:
    """What it made."""
    return artifacts.load(job.folder)


def _facts(job: ConvertJob, image: Path, *, store: Path, asks: bool = False) -> tuple[str, str]:
    tools = job.tools if asks else None
    found = image_facts.of_ready(image, store=store, known=job.tools.profile, tools=tools, chip=job.chip)
    return str(found.chip), str(found.input)


def test_what_the_vendors_tool_says_is_kept_with_the_image(made: Artifacts) -> None:
    """show_img_info.py was run on it: version and tensors are in the manifest."""
    said = made.manifest.settings["image_says"]
    assert said == f"stand-in: {INPUT} -> output [1, 50] float32"
    assert "unverified" == made.manifest.settings["toolchain_version"]


def test_a_manifest_tells_before_all_else(job: ConvertJob, made: Artifacts, tmp_path: Path) -> None:
    """By the image's bytes, wherever it was copied to; in the store, or beside the image."""
    copy = Path(shutil.copy(made.image, tmp_path / "other.img"))
    beside = tmp_path / "beside"
    shutil.copytree(made.folder, beside)

    for image, store in ((copy, job.store), (beside / "eat.img", tmp_path)):
        assert ("pcupid (manifest)", f"{INPUT} (manifest)") == _facts(job, image, store=store)


def test_an_image_of_ours_tells_by_its_header(job: ConvertJob, made: Artifacts, tmp_path: Path) -> None:
    """Where no manifest is left."""
    copy = Path(shutil.copy(made.image, tmp_path / "eat.img"))

    assert ("pcupid (its header)", f"{INPUT} (its header)") == _facts(job, copy, store=tmp_path)


def test_an_sdk_s_own_path_and_the_vendors_tool_tell_of_foreign_bytes(
    job: ConvertJob, tmp_path: Path
) -> None:
    """Each what it knows; the tool's version names a generation that is made for one chip."""
    place = tmp_path / "project" / "board" / "souffle" / "dla_file" / "ipu_open_models"
    place.mkdir(parents=True)
    (place / "eat.img").write_bytes(os.urandom(100))
    tools = tmp_path / "tools"
    shutil.copytree(job.tree.tools_dir, tools)
    (tools / "DumpDebug" / "show_img_info.py").write_text(
        "print('Offline IMG Version: S1.0.9\\n\\nInput(0):\\n    name:\\tx\\n    shape:\\t[1, 8]')\n"
    )
    asked = replace(job, tools=replace(job.tools, tree=replace(job.tree, tools_dir=tools)))
    elsewhere = Path(shutil.copy(place / "eat.img", tmp_path / "eat.img"))

    assert ("souffle (SDK path)", "unverified") == _facts(job, place / "eat.img", store=tmp_path)
    assert ("maruko (show_img_info.py)", "x [1, 8] (show_img_info.py)") == _facts(
        asked, elsewhere, store=tmp_path, asks=True
    )


@pytest.mark.parametrize("script", ["import sys; sys.exit(3)", "print('nothing of use')", "1/0", None])
def test_a_tool_that_says_nothing_leaves_it_unverified(
    job: ConvertJob, tmp_path: Path, script: str | None
) -> None:
    """It may be missing, fail, or be worded otherwise: no error, and nothing is left behind."""
    image = tmp_path / "eat.img"
    image.write_bytes(os.urandom(100))
    tools = tmp_path / "tools"
    shutil.copytree(job.tree.tools_dir, tools)
    shown = tools / "DumpDebug" / "show_img_info.py"
    shown.write_text(script or "")
    if script is None:
        shown.unlink()
    asked = replace(job, tools=replace(job.tools, tree=replace(job.tree, tools_dir=tools)))

    assert ("unverified", "unverified") == _facts(asked, image, store=tmp_path, asks=True)


def test_an_image_with_another_input_than_the_model_is_warned_of(
    job: ConvertJob, made: Artifacts, tmp_path: Path
) -> None:
    """Some other model was converted: said at once, not found out on the board."""
    seen: list[Event] = []
    spec = replace(job.contract.inputs[0], shape=(1, 3, 64, 64))
    other = replace(job.contract, inputs=(spec,))
    image_facts.ask(job.tools, made.image, "pcupid", other, step="convert", emit=seen.append)

    (warned,) = seen
    assert isinstance(
        warned, Warned
    ) and "[1, 1, 114688] float32, the model's is images [1, 3, 64, 64]" in str(warned.message)


def test_an_image_alone_says_what_its_model_expects(made: Artifacts, tmp_path: Path) -> None:
    """With neither ONNX nor checkpoint the rate that clips must have is the image's, not the shipped model's."""
    known = read(made.image)
    contract = replace(known.contract, model="kws", sample_rate_hz=16000)
    (tmp_path / "kws.img").write_bytes(pack(known.chip, contract, known.program))
    (tmp_path / "deploy.yaml").write_text("model: {name: kws, image: kws.img}\n")

    assert contract == Project(config.load(tmp_path / "deploy.yaml")).contract

"""A cfg of the user's own: checked before the run, and converted with all the chips and models that it lists."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deployer import artifacts, convert
from deployer.conversion import laid_out, simulate
from deployer.conversion.job import ConvertJob
from deployer.events import Event, Skipped, Warned, ignore
from tests.toolchain import jobs
from toolchain_wrappers.errors import ToolchainError

LISTS = """\
; mine
[EAT]
CHIP_LIST=maruko,pcupid       # two boards
Model_LIST=other,eat          # the second is the project's
INPUT_SIZE_LIST=0,0
INPUT_INI_LIST=other.ini,my.ini
CLASS_NUM_LIST=0,0
SAVE_NAME_LIST=other.img,mine.img
QUANT_DATA_PATH=quant_data
"""


@pytest.fixture
def job(tmp_path: Path) -> ConvertJob:
    """A tree in which the user has a model, two ini files and a cfg of their own."""
    return _job(tmp_path)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ConvertJob, list[str]]:
    """Another such, converted at the quick level, and what was warned of."""
    job = _job(tmp_path_factory.mktemp("lists"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVEL", "L1")
        return job, _told(job)


def _job(folder: Path) -> ConvertJob:
    made = jobs.make(folder, name="tree")
    algorithm = made.tree.algorithm_dir
    shutil.copy(made.onnx, algorithm / "onnx" / "other.onnx")
    for name in ("other.ini", "my.ini"):
        shutil.copy(algorithm / "input_config.ini", algorithm / name)
    cfg = folder / "my.cfg"
    cfg.write_text(LISTS)
    return replace(made, base_cfg=cfg)


def _told(job: ConvertJob) -> list[str]:
    seen: list[Event] = []
    convert.convert(job, force=False, emit=seen.append)
    return [event.message for event in seen if isinstance(event, Warned)]


def test_every_chip_and_model_of_the_lists_is_collected(converted: tuple[ConvertJob, list[str]]) -> None:
    """A folder of the store each, its image made for its chip; the user's file stays, and nothing runs twice."""
    job, told = converted

    for folder, chip in {
        "pcupid-eat": "pcupid",
        "maruko-eat": "maruko",
        "pcupid-other": "pcupid",
        "maruko-other": "maruko",
    }.items():
        made = artifacts.load(job.store / folder)
        assert chip == made.chip
        assert f"chip={chip}\n".encode() in made.image.read_bytes()
    assert any("converts for 'maruko' too" in message for message in told)
    assert job.base_cfg is not None and LISTS == job.base_cfg.read_text()
    seen: list[Event] = []
    assert "pcupid-eat" == convert.convert(job, force=False, emit=seen.append).folder.name
    assert any(isinstance(event, Skipped) for event in seen)


def test_the_rendered_cfg_keeps_what_is_the_users(job: ConvertJob) -> None:
    """Comments, order and the other model stay; our ONNX, ini and data stand in the place of the project's."""
    text = job.cfg.text()

    assert "; mine\n" in text and "# two boards" in text and "SAVE_NAME_LIST=other.img,mine.img" in text
    assert (
        "Model_LIST=other,deploy_eat" in text and "INPUT_INI_LIST=other.ini,deploy_input_config.ini" in text
    )
    assert "QUANT_DATA_PATH=deploy_data" in text
    assert "deploy_eat" == job.one_cfg.get("Model_LIST") and "pcupid" == job.one_cfg.get("CHIP_LIST")


def test_simulating_one_model_of_the_list_gives_its_texts(converted: tuple[ConvertJob, list[str]]) -> None:
    """`-s true` over the whole list would wipe the texts of all models but the last."""
    job, _ = converted
    made = artifacts.load(job.folder)

    done = simulate.simulate(job, made, emit=ignore)

    assert len(jobs.CLIPS) == len(done.texts) and all("mine_float.sim" in path.name for path in done.texts)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("maruko,pcupid ", "maruko", r"my\.cfg:3: .*'maruko' is not the board's chip 'pcupid'"),
        ("=0,0\nINPUT_INI", "=640,0\nINPUT_INI", "INPUT_SIZE_LIST: '640,0' is not 0"),
        ("mine.img", "other.img", "'other.img' is the name of 2 models"),
        ("other,eat ", "othr,eat", r"Model_LIST: there is no .*othr\.onnx"),
        ("other.ini,", "othr.ini,", r"INPUT_INI_LIST: there is no .*othr\.ini"),
        ("other,eat ", "a,b", r"Model_LIST has a, b; none is the project's ONNX, 'eat'"),
        ("=other.img,mine.img", "=mine.img", "lists of unequal length.*SAVE_NAME_LIST 1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line_before_anything_is_written(
    job: ConvertJob, old: str, new: str, words: str
) -> None:
    """And with what is legal, where there is a list of that."""
    assert job.base_cfg is not None and old in LISTS
    job.base_cfg.write_text(LISTS.replace(old, new))
    before = jobs.written(job)

    with pytest.raises(ToolchainError, match=words):
        convert.convert(job, force=False, emit=ignore)
    assert before == jobs.written(job)


def test_the_legal_values_are_named(job: ConvertJob) -> None:
    """The chip that the board needs, the nearest name of a file, the nearest name of a chip."""
    cfg = job.base_cfg
    assert cfg is not None
    cfg.write_text(LISTS.replace("maruko,pcupid ", "pcupit "))
    with pytest.raises(ToolchainError) as caught:
        convert.convert(job, force=False, emit=ignore)
    assert "set CHIP_LIST=pcupid" in caught.value.hint

    cfg.write_text(LISTS.replace("maruko,", "marukko,").replace("other,eat", "othr,eat"))
    seen: list[Event] = []
    with pytest.raises(ToolchainError) as caught:
        convert.convert(replace(job, base_cfg=cfg), force=False, emit=seen.append)
    assert "did you mean 'other.onnx'?" in caught.value.hint
    assert any("'marukko' is no chip that the vendor names" in str(event) for event in seen)


def test_an_ini_of_another_model_in_the_list_is_checked_too(job: ConvertJob) -> None:
    """Against its own ONNX."""
    ini = job.tree.algorithm_dir / "other.ini"
    ini.write_text(ini.read_text().replace("inputs=images", "inputs=image"))

    with pytest.raises(ToolchainError, match=r"other\.ini:2: .*inputs"):
        convert.convert(job, force=False, emit=ignore)


def test_two_runs_in_one_tree_do_not_wipe_each_others_files(job: ConvertJob) -> None:
    """The second is refused with the cure; a lock that nobody holds is no obstacle."""
    with (
        laid_out.alone_in(job.tree.models_dir),
        pytest.raises(ToolchainError, match="another `deploy`"),
    ):
        convert.convert(job, force=True, emit=ignore)
    with laid_out.alone_in(job.tree.models_dir):
        pass

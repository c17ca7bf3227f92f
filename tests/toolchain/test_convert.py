"""convert.sh driven for real on the stand-in tree: what it makes, and every way it can lie."""

from __future__ import annotations

import datetime
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deployer import artifacts, convert
from deployer.comparison import compare, stages
from deployer.comparison.clip_set import ClipSet
from deployer.comparison.compare import StageOutputs
from deployer.comparison.onnx_engine import OnnxMaker
from deployer.comparison.output_store import Manifest, OutputFolder
from deployer.comparison.stages import Simulation
from deployer.conversion import simulate
from deployer.conversion.job import ConvertJob, Direct
from deployer.errors import MissingArtifact
from deployer.events import Event, Skipped, ignore
from tests.toolchain import jobs
from tests.toolchain.jobs import CLIPS
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import dumps
from toolchain_wrappers.standin.variants import Variant, by_seed


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ConvertJob:
    """A job that was converted once."""
    made = jobs.make(tmp_path_factory.mktemp("convert"))
    convert.convert(made, force=False, emit=ignore)
    return made


@pytest.fixture
def fresh(tmp_path: Path) -> ConvertJob:
    """A job of one test's own, not yet converted."""
    return jobs.make(tmp_path)


def test_the_three_models_and_the_log_are_kept_with_their_hashes(job: ConvertJob) -> None:
    """The manifest says what was made, from what, and the user's own data folder is untouched."""
    made = artifacts.load(job.folder)

    for name in ("eat_float.sim", "eat_fixed.sim", "eat.img", "convert.log"):
        assert artifacts.sha256(made.path(name)) == made.manifest.outputs[name]
    assert "pcupid" == made.chip
    assert "calibration/" + CLIPS[0].name in made.manifest.inputs
    assert "Run Pack Tool OK." in made.path("convert.log").read_text()
    assert [] == list((job.tree.algorithm_dir / "quant_data").iterdir())


def test_the_same_inputs_are_not_converted_again_and_others_are(job: ConvertJob) -> None:
    """Another conv format, another chip or fewer clips are another conversion."""
    seen: list[Event] = []
    convert.convert(job, force=False, emit=seen.append)

    assert any(isinstance(event, Skipped) for event in seen)
    for other in (replace(job, conv_format="ALL_INT16"), replace(job, calibration=CLIPS[:1])):
        assert other.inputs() != job.inputs()
    assert replace(job, chip="maruko").folder != job.folder


def test_converting_twice_on_one_day_gives_the_same_bytes(job: ConvertJob) -> None:
    """The output folder of the same day is no obstacle."""
    before = artifacts.load(job.folder).manifest.outputs["eat.img"]

    assert before == convert.convert(job, force=True, emit=ignore).manifest.outputs["eat.img"]


def _clips(job: ConvertJob) -> ClipSet:
    return ClipSet(model_name="eat", contract=job.contract, wavs=tuple(CLIPS))


def _folder(place: Path, stage: str) -> OutputFolder:
    return OutputFolder.create(place / stage, Manifest(stage=stage, detail="", key="x"))


def test_fixed_and_offline_are_equal_and_float_is_onnx(job: ConvertJob, tmp_path: Path) -> None:
    """Through the simulators and their text dumps, as `compare-sim` sees them; the texts are kept as they were."""
    simulation = Simulation(tools=job.tools, artifacts=artifacts.load(job.folder), contract=job.contract)
    outputs = {}
    for name in stages.SIMULATED:
        folder = _folder(tmp_path, name)
        stages.simulate(name, simulation, _clips(job), folder, jobs=2, emit=ignore)
        outputs[name] = StageOutputs(stage=name, detail="", outputs=folder)
        for clip in CLIPS:
            (kept,) = dumps.parse((folder.folder / stages.TEXTS / f"{clip.name}.txt").read_text())
            assert (kept.values == folder[clip.name]["output"]).all()
    folder = _folder(tmp_path, "onnx")
    stages.run_engine("onnx", OnnxMaker(path=job.onnx), _clips(job), folder, jobs=1, emit=ignore)
    onnx = StageOutputs(stage="onnx", detail="", outputs=folder)

    assert 0.0 == compare.compare(outputs["fixed"], outputs["offline"]).max_abs
    assert (compare.compare(onnx, outputs["float"]).max_abs or 1) < 1e-3
    fixed = compare.compare(outputs["float"], outputs["fixed"])
    assert 1.0 == fixed.top1_agreement
    assert fixed.max_abs != 0


def _replace_scripts(job: ConvertJob, text: str) -> None:
    (job.tree.algorithm_dir / "convert.sh").write_text(text)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 0\n", "wrote 0 eat_float.sim; it ended with exit status 0"),
        ("echo bad news; exit 3\n", "bad news"),
        ('cd "$8" && touch eat_float.sim eat_fixed.sim eat.img\n', "wrote 0 eat_float.sim"),
        ('cd "$8" && echo x > eat_float.sim && echo x > eat_fixed.sim\n', "wrote 0 eat.img"),
    ],
)
def test_exit_status_0_without_the_files_is_a_failure(fresh: ConvertJob, script: str, words: str) -> None:
    """Success is what was written; the store stays as it was and the log is kept."""
    _replace_scripts(fresh, script)

    with pytest.raises(ToolchainError) as caught:
        convert.convert(fresh, force=False, emit=ignore)

    assert words in str(caught.value)
    assert "convert.log" in caught.value.hint
    with pytest.raises(MissingArtifact):
        artifacts.load(fresh.folder)


def test_a_hung_tool_is_stopped_and_its_last_line_quoted(fresh: ConvertJob) -> None:
    """The deadline is on silence, for a good calibration may take hours."""
    _replace_scripts(fresh, "echo Start to analysis model...; sleep 300\n")

    with pytest.raises(ToolchainError, match=r"Start to analysis model\.\.\."):
        convert.convert(replace(fresh, stall_timeout_s=1.0), force=False, emit=ignore)


def test_a_tree_that_lacks_something_is_refused_by_the_path(fresh: ConvertJob) -> None:
    """Nothing is staged into half a tree."""
    shutil.rmtree(fresh.tree.tools_dir / "Scripts")

    with pytest.raises(ToolchainError, match=r"simulator\.py is not there"):
        convert.convert(fresh, force=False, emit=ignore)
    assert not (fresh.tree.algorithm_dir / "deploy_data").exists()


def test_any_bytes_pass_as_a_vendors_image(fresh: ConvertJob) -> None:
    """`.sim` and `.img` are opaque: a real toolchain's files are kept as they are."""
    _replace_scripts(
        fresh, 'cd "$8" && for f in eat_float.sim eat_fixed.sim eat.img; do echo vendor > $f; done\n'
    )

    made = convert.convert(fresh, force=False, emit=ignore)

    assert b"vendor\n" == made.image.read_bytes()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda text: text.replace("        (output /", "        continue\n        (output /"),
            "wrote 0 of 2",
        ),
        (lambda text: text.replace("write_text(text)", "write_text(text[:200])"), "cut short"),
        (lambda text: text.replace("write_text(text)", "write_text('')"), "no tensor"),
    ],
)
def test_a_missing_or_short_dump_is_never_success(
    job: ConvertJob, tmp_path: Path, edit: object, words: str
) -> None:
    """The simulator's exit status 0 proves nothing."""
    assert callable(edit)
    tools = tmp_path / "tools"
    shutil.copytree(job.tree.tools_dir, tools)
    script = tools / "Scripts" / "calibrator" / "simulator.py"
    script.write_text(edit(script.read_text()))
    changed = replace(job.tools, tree=replace(job.tree, tools_dir=tools))
    simulation = Simulation(tools=changed, artifacts=artifacts.load(job.folder), contract=job.contract)

    with pytest.raises(ToolchainError, match=words):
        stages.simulate("float", simulation, _clips(job), _folder(tmp_path, "float"), jobs=1, emit=ignore)


def test_an_artefact_that_was_changed_is_not_used(job: ConvertJob, tmp_path: Path) -> None:
    """What lies in the store is what was made, or an error with the cure."""
    copy = tmp_path / "copy"
    shutil.copytree(job.folder, copy)
    (copy / "eat.img").write_bytes(b"other")

    assert artifacts.current(copy, job.inputs()) is None
    with pytest.raises(MissingArtifact, match=r"eat\.img"):
        _ = artifacts.load(copy).image


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the tree as published makes at level L1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEVEL", "L1")
        made = convert.convert(jobs.make(tmp_path_factory.mktemp("plain")), force=False, emit=ignore)
    return made.image.read_bytes()


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_variant_of_the_tree_is_driven_alike(
    plain: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """What is not published may be otherwise: arguments, folders, chatter, data files, words and options of 1.x.

    The models are the same bytes as those of the tree as published; float and offline are simulated.
    """
    monkeypatch.setenv("LEVEL", "L1")
    job = jobs.make(tmp_path, by_seed(seed))
    made = convert.convert(job, force=False, emit=ignore)

    assert plain == made.image.read_bytes()
    assert len(CLIPS) == len(simulate.simulate(job, made, emit=ignore).texts)
    simulation = Simulation(tools=job.tools, artifacts=made, contract=job.contract)
    offline = _folder(tmp_path, "offline")
    stages.simulate("offline", simulation, _clips(job), offline, jobs=1, emit=ignore)
    assert len(CLIPS) == len(offline)


def test_the_tools_can_be_run_one_by_one(fresh: ConvertJob) -> None:
    """Levels and settings that convert.sh does not pass on; the log holds all three tools, the manifest says so."""
    made = convert.convert(replace(fresh, direct=Direct(quant_level="L1")), force=False, emit=ignore)

    log = made.path("convert.log").read_text()
    assert all(words in log for words in ("Float model at:", "Fixed model at:", "Run Pack Tool OK."))
    assert "L1" == made.manifest.settings["quant_level"]
    assert made.manifest.inputs != replace(fresh, direct=Direct(quant_level="L2")).inputs()


def test_a_known_failure_is_told_in_words(fresh: ConvertJob) -> None:
    """The vendor's phrase, what it means, and what helps."""
    _replace_scripts(fresh, 'echo "FileNotFoundError: No images found in quant_data"; exit 0\n')

    with pytest.raises(ToolchainError, match="skipped in silence") as caught:
        convert.convert(fresh, force=False, emit=ignore)
    assert "data_suffix" in caught.value.hint


SPOILED = 'printf spoiled > "$quant_data"/0001*'


def test_a_file_whose_error_was_swallowed_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With several processes calibrator and simulator say OK, exit status 0, without the second clip."""
    monkeypatch.setenv("LEVEL", "L1")
    job = jobs.make(tmp_path, Variant(processes=2))
    script = job.tree.algorithm_dir / "convert.sh"
    good = script.read_text()
    script.write_text(good.replace("scripts=", f"{SPOILED}; scripts="))
    with pytest.raises(ToolchainError, match="the tools read 1 of 2 files; not 0001_"):
        convert.convert(job, force=False, emit=ignore)
    with pytest.raises(MissingArtifact):
        artifacts.load(job.folder)

    script.write_text(good)
    made = convert.convert(job, force=False, emit=ignore)
    script.write_text(good.replace("scripts=", f"{SPOILED}; scripts="))
    with pytest.raises(ToolchainError, match=r"wrote 1 of 2 texts.*Run evaluation OK"):
        simulate.simulate(job, made, emit=ignore)


def test_the_vendors_own_simulation_finds_the_tree_of_another_day(fresh: ConvertJob) -> None:
    """`-s true` looks under today's date; what was made days ago is simulated, and its texts are saved away."""
    made = convert.convert(fresh, force=False, emit=ignore)
    today = Path(made.manifest.settings["made_in"])
    old = today.with_name("pcupid_20200103")
    today.rename(old)
    stamp = datetime.datetime(2020, 1, 3, 12).timestamp()
    os.utime(old, (stamp, stamp))
    manifest = replace(made.manifest, settings={**made.manifest.settings, "made_in": str(old)})

    done = simulate.simulate(fresh, replace(made, manifest=manifest), emit=ignore)

    assert len(CLIPS) == len(done.texts) and done.folder.is_relative_to(made.folder)
    (tensor,) = dumps.parse(done.texts[0].read_text())
    assert (1, 50) == tensor.values.shape
    assert [old] == list(old.parent.iterdir())


def test_another_conversion_in_its_place_is_not_simulated(fresh: ConvertJob) -> None:
    """Somebody converted another model into the folder of the same day: refused, for the texts would be of that."""
    made = convert.convert(fresh, force=False, emit=ignore)
    (Path(made.manifest.settings["made_in"]) / "eat_float.sim").write_bytes(b"another")

    with pytest.raises(ToolchainError, match="another conversion has taken its place"):
        simulate.simulate(fresh, made, emit=ignore)


def test_a_simulation_without_texts_is_a_failure(fresh: ConvertJob) -> None:
    """The vendor's script ends with exit status 0 all the same."""
    made = convert.convert(fresh, force=False, emit=ignore)
    _replace_scripts(fresh, "echo Run evaluation OK.; exit 0\n")

    with pytest.raises(ToolchainError, match=r"wrote 0 of 2 texts.*Run evaluation OK"):
        simulate.simulate(fresh, made, emit=ignore)


def test_an_ini_that_does_not_fit_the_model_is_refused_before_anything_runs(fresh: ConvertJob) -> None:
    """The user's own: the line, the key, the wrong name and the right one."""
    own = fresh.store.parent / "own.ini"
    own.write_text(fresh.ini.text().replace("inputs=images;", "inputs=image; # mine"))

    with pytest.raises(ToolchainError, match=r"own\.ini:2: \[INPUT_CONFIG\] inputs: .*image"):
        convert.convert(replace(fresh, base_ini=own), force=False, emit=ignore)
    assert not fresh.data_dir.exists()


def test_an_ini_of_the_users_own_is_used_as_it_is(fresh: ConvertJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments and all."""
    monkeypatch.setenv("LEVEL", "L1")
    own = fresh.store.parent / "own.ini"
    own.write_text("; mine\n" + fresh.ini.text())
    job = replace(fresh, base_ini=own)
    convert.convert(job, force=False, emit=ignore)

    assert own.read_text() == job.ini_path.read_text()

"""`deploy tune`: ranking, front, choice, the files it writes, and deploy.yaml edited in place."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from board_runner.quant import patterns, quant_file
from board_runner.quant.calibration import calibrate
from board_runner.quant.compile import write_image
from board_runner.quant.fixed_sim import write_fixed
from board_runner.quant.sensitivity import Site
from board_runner.quant.settings import QuantSettings
from deployer import cli
from deployer.errors import CheckFailed, ConfigError
from deployer.tuning import apply as tune_apply
from deployer.tuning.candidates import Candidate, ConvBits, Limits, Result, candidates, choose, front, ranked
from tests.quant import small


def _site(name: str, sensitivity: float, weights: int, *, first: bool = False) -> Site:
    return Site(name=name, sensitivity=sensitivity, worst=sensitivity, weights=weights, first=first)


def _result(name: str, size: int, level_db: float, ms: float = 10.0, *, in_ini: bool = True) -> Result:
    bits: ConvBits = "mixed"
    return Result(
        candidate=Candidate(name=name, level="L3", conv_bits=bits, in_ini=in_ini),
        sqnr_db=level_db,
        sqnr_worst_db=level_db,
        top1_agreement=1.0,
        flips=(),
        image_bytes=size,
        invoke_ms=ms,
    )


def test_the_ranking_is_noise_saved_per_byte() -> None:
    """A tenth of the noise amplitude is a hundredth of its energy; the first convolution cannot be named."""
    sites = [
        _site("first", 1.0, 1, first=True),
        _site("big", 0.1, 1000),
        _site("small", 0.01, 5),
        _site("tiny", 0.001, 1),
    ]

    assert ["small", "big", "tiny"] == [site.name for site in ranked(sites)]


def test_a_handful_is_tried_and_not_all_choices() -> None:
    """Of 2^29 choices of bits, prefixes of one ranking."""
    found = candidates([_site(str(i), 1 / (i + 1), 1, first=i == 0) for i in range(30)])
    mixed = [candidate.int16_inputs for candidate in found if candidate.conv_bits == "mixed"]

    assert [1, 2, 4, 8, 12, 16, 24, 29] == [len(inputs) for inputs in mixed]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in itertools.pairwise(mixed))
    assert len(found) == len({candidate.name for candidate in found})


def test_the_front_keeps_what_nothing_beats() -> None:
    """Larger and noisier goes; slower by a hair does not count."""
    results = [
        _result("a", 100, 30),
        _result("worse", 120, 29),
        _result("b", 150, 40, ms=10.3),
        _result("c", 150, 39.9),
        _result("d", 300, 41, ms=5),
    ]

    assert ["a", "b", "d"] == [result.candidate.name for result in front(results)]


def test_the_choice_follows_the_limits_and_says_why() -> None:
    """Smallest that is good enough, best that is small enough, else the knee."""
    results = [
        *(_result("a", 100, 30), _result("b", 110, 45), _result("c", 200, 50)),
        _result("direct", 90, 60, in_ini=False),
    ]

    assert "b" == choose(results, Limits(min_sqnr_db=40)).result.candidate.name
    assert "c" == choose(results, Limits(max_bytes=250)).result.candidate.name
    assert "a" == choose(results, Limits(max_bytes=105)).result.candidate.name
    knee = choose(results, Limits())
    assert ("b", "the knee of the front") == (knee.result.candidate.name, knee.why)
    with pytest.raises(CheckFailed) as caught:
        choose(results, Limits(min_sqnr_db=45, max_bytes=105))
    assert "50.0 dB in 200 bytes" in caught.value.hint


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project around the small network, two clips to calibrate and three to judge."""
    small.write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_dry_run_says_what_would_be_tried(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And runs nothing."""
    assert 0 == cli.execute(["tune", "--dry-run", "-q"])

    said = capsys.readouterr().out
    assert "L1, L2, L2 percentile, L3, L3 +1, L3 +2, L3 +3, 16 bit" in said
    assert "calibrated on 2 clips, judged on 3 other clips" in said
    assert not (project / ".deploy").exists()


def test_tune_writes_what_it_chose_and_applies_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sizes are of real images, the quant_file gives the chosen model, and deploy.yaml names it."""
    assert 0 == cli.execute(["tune", "--json", "-q", "--apply", "--min-sqnr-db", "30"])
    told = json.loads(capsys.readouterr().out)
    folder = project / ".deploy" / "tune"
    chosen = next(r for r in told["results"] if r["candidate"]["name"] == told["chosen"])
    named = chosen["candidate"]["int16_inputs"]

    assert chosen["sqnr_db"] >= 30 and not told["judged_on_calibration"]
    assert ["20.wav", "21.wav", "22.wav"] == told["judged_on"]
    assert (folder / "front.svg").read_text().lstrip().startswith("<?xml")
    assert (folder / "conv_config.ini").read_text() == told["conv_config"]
    section = yaml.safe_load((project / "deploy.yaml").read_text())["toolchain"]
    assert named == section.get("tensor_arrays", []) and "sigmastar" == section["kind"]

    settings = QuantSettings(overrides=quant_file.read(folder / "quant_file.json"))
    write_fixed(project / "small.onnx", project / "f.sim", samples=small.sounds(1), settings=settings)
    write_image(project / "f.sim", project / "f.img", chip="pcupid")
    assert chosen["image_bytes"] == (project / "f.img").stat().st_size


def test_the_calibrator_makes_of_the_ini_what_tune_judged() -> None:
    """At its default level, with bits from the ini, the calibrator decides as tune's candidate does."""
    graph, sounds = patterns.rewrite(small.graph()), small.sounds(4)
    wanted = Candidate(name="x", level="L3", conv_bits="mixed", int16_inputs=("a1",), in_ini=True)
    ini = QuantSettings(level="L5", int16_inputs=("a1",), upgrade=False)

    tuned, converted = (calibrate(graph, sounds, s).scheme for s in (wanted.settings, ini))

    assert (tuned.wide, tuned.narrow, tuned.ranges) == (converted.wide, converted.narrow, converted.ranges)
    assert all(np.array_equal(tops, converted.tops[key]) for key, tops in tuned.tops.items())


def test_what_was_tried_is_not_tried_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second call, or one after an interruption, takes the times it finds; another clip begins anew."""
    tried = project / ".deploy" / "tune" / "tried.json"
    assert 0 == cli.execute(["tune", "-q", "--no-plot"])
    kept = json.loads(tried.read_text())
    dropped = kept["results"].pop("L2")
    kept["results"]["L1"]["invoke_ms"] = 12345.0
    tried.write_text(json.dumps(kept))

    assert 0 == cli.execute(["tune", "-q", "--no-plot"])
    again = json.loads(tried.read_text())["results"]
    assert 12345.0 == again["L1"]["invoke_ms"] and dropped["sqnr_db"] == again["L2"]["sqnr_db"]

    (project / "clips" / "20.wav").unlink()
    assert 0 == cli.execute(["tune", "-q", "--no-plot"])
    assert 12345.0 != json.loads(tried.read_text())["results"]["L1"]["invoke_ms"]


def test_judging_on_the_calibration_clips_is_warned_of(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures from clips that the quantiser has seen flatter it."""
    (project / "deploy.yaml").write_text("version: 1\nmodel:\n  onnx: small.onnx\naudio:\n  clips: clips\n")

    assert 0 == cli.execute(["tune", "-q", "--no-plot"])
    assert "judged on the clips that calibrate" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n",
        "version: 1\ntoolchain:\n  conv_input_format: ALL_INT16   # old\n\nbench:\n  runs: 3\n",
        "toolchain:   # ours\n    tensor_arrays:\n    - old\n    - older\n    kind: sigmastar\nversion: 1\n",
        "toolchain:\n  # a note\n  tensor_arrays: [old,\n    older]\n  kind: sigmastar\n# end\nbench:\n  runs: 3\n",
    ],
)
def test_deploy_yaml_keeps_every_other_line(text: str, tmp_path: Path) -> None:
    """Comments and other keys stay; the two keys are set, once, and can be set again."""
    path = tmp_path / "deploy.yaml"
    path.write_text(text)
    for names in (("/a/b_output_0", "c's"), ("d",), ()):
        tune_apply.apply(path, "ALL_UINT8", names)
        after = yaml.safe_load(path.read_text())
        assert list(names) == after["toolchain"].get("tensor_arrays", [])
        assert "ALL_UINT8" == after["toolchain"]["conv_input_format"]
        before = yaml.safe_load(text)
        before.pop("toolchain", None)
        after.pop("toolchain")
        assert before == after
        notes = [line for line in text.splitlines() if line.strip().startswith("#")]
        assert all(line in path.read_text() for line in notes)


def test_a_section_in_flow_style_is_left_alone(tmp_path: Path) -> None:
    """What cannot be edited safely is not edited."""
    path = tmp_path / "deploy.yaml"
    path.write_text("toolchain: {kind: sigmastar}\n")

    with pytest.raises(ConfigError):
        tune_apply.apply(path, "ALL_UINT8", ("a",))
    assert "toolchain: {kind: sigmastar}\n" == path.read_text()
    assert ["deploy.yaml"] == [p.name for p in tmp_path.iterdir()]

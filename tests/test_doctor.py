"""`deploy doctor`: what it finds, and what its archive must never hold."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from deployer import cli, demo
from deployer.cli.doctor import command
from deployer.project import Project
from deployer.settings import config
from deployer.support import bundle as support_bundle
from deployer.support import doctor
from deployer.support.doctor import State
from toolchain_wrappers import standin
from toolchain_wrappers.standin.variants import Variant


def _found(root: Path) -> dict[str, doctor.Finding]:
    return {f.name: f for f in doctor.examine(Project(config.load(None, start=root)))}


def test_a_machine_that_runs_the_tests_is_well(tmp_path: Path) -> None:
    """Nothing fails in an empty folder, and every warning has a cure."""
    findings = _found(tmp_path)

    assert not [f for f in findings.values() if f.state is State.FAIL]
    assert all(f.cure for f in findings.values() if f.state in (State.WARN, State.UNUSED))
    assert f"{os.cpu_count()} cores" in findings["cpu"].what


def test_a_tree_that_lacks_something_is_named(tmp_path: Path) -> None:
    """The first missing file, and which setting leads there; the exit code says that something failed."""
    (tmp_path / "deploy.yaml").write_text("toolchain: {models_dir: nowhere, tools_dir: nowhere}\n")
    ran = CliRunner().invoke(command, ["--json", "--config", str(tmp_path / "deploy.yaml")])

    assert "nowhere/convert.sh is not there" in ran.output
    assert ran.exit_code != 0
    found = _found(tmp_path)["toolchain"]
    assert found.state is State.FAIL and "OpenDLAModel" in found.cure


def test_a_path_that_hangs_the_calibrator_is_warned_of(tmp_path: Path) -> None:
    """Names that are not ASCII."""
    folder = tmp_path / "项目"
    folder.mkdir()

    assert State.WARN is _found(folder)["path"].state


def test_the_archive_holds_what_one_asks_for_and_no_secrets(tmp_path: Path) -> None:
    """Scripts, logs, versions and findings are there; models, keys and passwords are not."""
    (tmp_path / "deploy.yaml").write_text(
        "chip: pcupid\nboards: {desk: {host: 10.0.0.1}}\n# password: hunter2\n"
    )
    state = tmp_path / ".deploy" / "artifacts"
    state.mkdir(parents=True)
    (state / "convert.log").write_text("x" * (2 << 20) + "\nthe end\ntoken = 'abc def'\nssh://me:pw@host/\n")
    (state / "eat.img").write_bytes(b"model")
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"
    (state / "other.log").write_text(f"{key}\n{Path.home()}/x\n")
    out = tmp_path / "support.tar.gz"
    ran = CliRunner().invoke(
        command, ["--json", "--config", str(tmp_path / "deploy.yaml"), "--bundle", str(out)]
    )

    assert 0 == ran.exit_code, ran.output
    with tarfile.open(out) as archive:
        texts = {m.name: archive.extractfile(m).read().decode() for m in archive}  # type: ignore[union-attr]
    names = {name.removeprefix("deploy-support/") for name in texts}
    assert {"findings.json", "versions.txt", "deploy.yaml", "tree/convert.sh", "tree.txt"} <= names
    assert set(json.loads(ran.stdout)["bundle"]) == names
    whole = "\n".join(texts.values())
    assert "the end" in whole and "bytes are left out" in whole
    for secret in ("hunter2", "abc def", "me:pw@", "c2VjcmV0", f"{Path.home()}/x"):
        assert secret not in whole
    assert not any(name.endswith(".img") for name in names)


def test_what_a_run_would_refuse_is_found_with_its_cure(tmp_path: Path) -> None:
    """The same look as before a conversion: version, CPU; and the version that was found."""
    made = standin.make(tmp_path / "release", Variant(tools_name="SGS_IPU_SDK_vS1.0.9"))
    settings = {
        "models_dir": str(made.models_dir),
        "tools_dir": str(made.tools_dir),
        "profile": {"needs": {"cpu_flags": ["warp_drive"]}},
    }
    (tmp_path / "deploy.yaml").write_text(json.dumps({"toolchain": settings}))
    found = {f.name + f.state: f for f in doctor.examine(Project(config.load(tmp_path / "deploy.yaml")))}

    assert "warp_drive" in found["toolchain cpufail"].what and "cpu_flags" in found["toolchain cpufail"].cure
    assert "made for maruko" in found["toolchain versionfail"].what
    assert "version S1.0.9" in found["toolchainok"].what


def test_an_image_that_nobody_knows_is_shown_as_unverified(tmp_path: Path) -> None:
    """Said, and no failure."""
    (tmp_path / "mine.img").write_bytes(b"vendor")
    (tmp_path / "deploy.yaml").write_text("model: {image: mine.img}\n")
    found = {f.name: f for f in doctor.examine(Project(config.load(tmp_path / "deploy.yaml")))}["image"]

    assert found.state is State.OK and "chip unverified, input unverified" in found.what


def test_the_archive_holds_what_boards_have_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a board that was asked before; nothing is asked for an archive."""
    monkeypatch.setenv("DEPLOY_STATE_DIR", str(tmp_path / "state"))
    with demo.project(tmp_path / "project", runs=1) as deployment:
        words = ["--config", str(deployment.path), "-q"]
        assert 0 == cli.execute(["board", "probe", *words])
    out = tmp_path / "support.tar.gz"
    assert 0 == cli.execute(["doctor", *words, "--bundle", str(out)])

    with tarfile.open(out) as archive:
        file = archive.extractfile("deploy-support/boards/simulated.json")
        assert file is not None
        said = json.load(file)["said"]
    assert "pcupid" == said["chip"] and said["kernel"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("password: hunter2 # mine", "password: <redacted> # mine"),
        ("PASSWD='a b' rest", "PASSWD=<redacted> rest"),
        ("api_key=abc,next", "api_key=<redacted>,next"),
        ("compass: north", "compass: north"),
    ],
)
def test_what_looks_like_a_secret_is_replaced(text: str, wanted: str) -> None:
    """Keys are kept, values go."""
    assert wanted == support_bundle.redacted(text)


def test_whoever_lacks_torch_is_told_all_that_it_is_for() -> None:
    """Export, training and the torch stage each need it."""
    cure = doctor.PACKAGES["torch"]

    assert all(word in cure for word in ("`deploy export`", "`deploy train`", "torch stage", "pip install"))

"""`deploy build` against trees that really build, and that fail as real ones do."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deployer import build
from deployer.building import elf, stamp, turn
from deployer.events import Advanced, Event, Warned, ignore
from tests.building.compilers import needs_compilers
from tests.building.conftest import Sdk
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.standin import sdk
from toolchain_wrappers.standin.sdk import Arch, SdkVariant

pytestmark = needs_compilers

SEEDS = int(os.environ.get("DEPLOY_SDK_SEEDS", "5"))
"""Variants; each draws folder names, the configuration's place and form, and how make speaks and fails."""


@pytest.mark.parametrize("arch", sdk.COMPILERS)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_both_programs_are_built_in_every_variant(
    seed: int, arch: Arch, sdk_of: Callable[[SdkVariant], Sdk]
) -> None:
    """Whatever the folder below out/ is called and whatever make prints, the program is the board's."""
    tree = sdk_of(sdk.by_seed(seed)).write(arch)
    for target, name in (("sed/eat", "prog_sed_eat"), ("dla/dla_simulator", "prog_dla_dla_simulator")):
        built = tree.build(tree.job(target))
        assert name == built.path.name
        assert os.access(built.path, os.X_OK)
        assert arch == elf.inspect(built.path).header.machine
        assert built.artifacts.manifest.settings["made_in"].endswith(
            f"out/{tree.variant.folder(arch)}/app/{name}"
        )
        assert 2 >= len(tree.compiled) > 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_variant_without_a_defconfig_gives_a_program(
    seed: int, sdk_of: Callable[[SdkVariant], Sdk]
) -> None:
    """However make takes it, the defconfig is spoken of; a build for each board in turn then makes its own."""
    tree = sdk_of(sdk.by_seed(seed)).write(None)
    with pytest.raises(ToolchainError) as refused:
        tree.build()
    assert "defconfig" in f"{refused.value} {refused.value.hint}"
    assert not tree.job().folder.exists()
    for arch in sdk.COMPILERS:
        tree.write(arch)
        assert arch == elf.inspect(tree.build().path).header.machine


def test_the_same_inputs_are_not_built_again(small: Sdk) -> None:
    """A changed source, and that alone, is compiled; `force` asks make, which has nothing to do."""
    first = small.build()
    assert first.fresh
    again = small.build()
    assert (False, True) == (again.fresh, small.skipped)
    assert small.build(force=True).fresh
    assert [] == small.compiled
    source = small.tree.source("sed/eat") / "prog_sed_eat.c"
    source.write_text(source.read_text().replace("greeting()", '"changed"'))
    assert small.build().fresh
    assert ["prog_sed_eat.c"] == small.compiled
    assert b"changed" in small.build().path.read_bytes()


def test_a_program_that_went_from_the_store_is_taken_again(small: Sdk) -> None:
    """Without a compile: make has it."""
    small.build().path.unlink()
    assert small.build().fresh
    assert [] == small.compiled


def test_a_changed_defconfig_is_cleaned_and_says_what_goes(small: Sdk) -> None:
    """No object of one board gets into the program of another; programs that fall with it are named."""
    small.build(small.job("dla/dla_simulator"))
    small.build()
    small.write("arm")
    built = small.build()
    assert "arm" == elf.inspect(built.path).header.machine
    assert 1 == len(small.warnings)
    assert "the defconfig has changed" in small.warnings[0]
    assert "prog_dla_dla_simulator" in small.warnings[0]
    assert not small.tree.programs("prog_dla_dla_simulator")


def test_a_changed_compiler_is_cleaned(small: Sdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make does not see that another compiler stands first on PATH; the build does."""
    small.build()
    other = tmp_path / "bin" / "aarch64-linux-gnu-gcc"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\nexec {shutil.which("aarch64-linux-gnu-gcc")} "$@"\n')
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:{os.environ['PATH']}")
    small.build()
    assert "the compiler has changed" in small.warnings[0]
    assert ["greeting.c", "prog_sed_eat.c"] == sorted(small.compiled)


def test_a_clean_is_made_when_it_is_asked_for_and_else_never(small: Sdk) -> None:
    """It would cost the user's other programs."""
    small.build()
    small.build(force=True)
    assert [] == small.warnings
    small.build(small.job(clean=True))
    assert 2 == len(small.compiled)


def test_a_build_by_hand_is_taken_as_it_is(small: Sdk) -> None:
    """Its objects are used, unless the defconfig was chosen after them."""
    subprocess.run(
        ["make", "source/sed/eat"], cwd=small.tree.opendla, check=True, capture_output=True, timeout=60
    )
    small.build()
    assert ([], []) == (small.warnings, small.compiled)

    shutil.rmtree(small.store)
    (small.tree.out / stamp.NAME).unlink()
    later = time.time() + 5
    os.utime(small.tree.project / small.variant.config_file, (later, later))
    small.build()
    assert "chosen after" in small.warnings[0]


def test_a_clean_that_failed_is_made_again(small: Sdk) -> None:
    """Until one has come to its end nobody knows what lies in out/."""
    small.build()
    small.write(None)
    with pytest.raises(ToolchainError, match="make clean failed"):
        small.build()
    small.write("aarch64")
    small.build(force=True)
    assert "did not come to its end" in small.warnings[0]


def test_of_two_folders_what_this_run_wrote_is_taken(small: Sdk) -> None:
    """An older program of another board, newer by its time even, is left where it lies."""
    stray = small.tree.out / "arm" / "app" / "prog_sed_eat"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"another board's")
    later = time.time() + 3600
    os.utime(stray, (later, later))
    os.utime(small.tree.project / small.variant.config_file, (later, later))
    stamp.write(small.tree, build.plan(small.job()).stamp)
    assert "out/aarch64/app" in small.build().artifacts.manifest.settings["made_in"]
    # Make has nothing to do now: what it wrote before was noted.
    assert "out/aarch64/app" in small.build(force=True).artifacts.manifest.settings["made_in"]
    assert b"another board's" == stray.read_bytes()


def test_sdk_aarch_that_contradicts_the_build_is_refused(small: Sdk) -> None:
    """Both folders are named."""
    with pytest.raises(ToolchainError, match="below out/aarch64, not below out/arm"):
        small.build(small.job(aarch="arm"))


def test_another_defconfig_than_the_wanted_one_is_refused(small: Sdk) -> None:
    """With the difference that proves it; the choice stays the user's."""
    with pytest.raises(ToolchainError, match="TOOLCHAIN_REL is aarch64-linux-gnu") as refused:
        small.build(small.job(defconfig=small.variant.defconfig("arm")))
    assert f"make {small.variant.defconfig('arm')}" in refused.value.hint
    with pytest.raises(ToolchainError, match="no defconfig") as refused:
        small.build(small.job(defconfig=small.variant.defconfig("arm").replace("standin", "standing")))
    assert small.variant.defconfig("arm") in refused.value.hint
    assert small.build(small.job(defconfig=small.variant.defconfig("aarch64"))).fresh


def test_no_defconfig_is_asserted_where_make_missed_its_file(small: Sdk) -> None:
    """And the hint lists those that this SDK has."""
    small.write(None)
    with pytest.raises(ToolchainError, match="no defconfig was chosen") as refused:
        small.build()
    assert small.variant.defconfig("arm") in refused.value.hint
    assert str(small.job().log) in refused.value.hint


@pytest.mark.parametrize("status", [0, 2])
def test_no_defconfig_is_only_a_possibility_elsewhere(
    status: int, sdk_of: Callable[[SdkVariant], Sdk]
) -> None:
    """An SDK that says so in words of its own, whatever its exit status, is quoted."""
    tree = sdk_of(SdkVariant(unchosen="message", status=status)).write(None)
    with pytest.raises(ToolchainError, match="which board") as refused:
        tree.build()
    assert "no defconfig was chosen" not in str(refused.value)
    assert "perhaps no defconfig was chosen" in refused.value.hint


def test_a_program_of_this_machine_is_never_taken(sdk_of: Callable[[SdkVariant], Sdk]) -> None:
    """An empty compiler prefix builds one with exit status 0."""
    tree = sdk_of(SdkVariant(unchosen="silent")).write(None)
    with pytest.raises(ToolchainError, match="x86_64; boards of this SDK are aarch64 or arm"):
        tree.build()
    assert not tree.job().folder.exists()


@pytest.mark.parametrize("tolerant", [False, True])
def test_an_error_in_a_source_is_shown_whatever_makes_exit_status(
    tolerant: bool, sdk_of: Callable[[SdkVariant], Sdk]
) -> None:
    """The store keeps the last good program, and the log the whole story."""
    tree = sdk_of(SdkVariant(tolerant=tolerant)).write("aarch64")
    good = tree.build().path.read_bytes()
    source = tree.tree.source("sed/eat") / "prog_sed_eat.c"
    source.write_text(source.read_text().replace("return 0;", "return nothing;"))
    with pytest.raises(ToolchainError, match=r"prog_sed_eat\.c:\d+:\d+: error: .*nothing") as refused:
        tree.build()
    assert str(tree.job().log) in refused.value.hint
    assert "error:" in tree.job().log.read_text()
    assert good == (tree.job().folder / "prog_sed_eat").read_bytes()


def test_a_missing_compiler_is_named(small: Sdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("env", "make", "sh", "mkdir", "echo", "find", "rm"):
        (bare / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(bare))
    with pytest.raises(ToolchainError, match=r"aarch64-linux-gnu-gcc.*the cross compiler is not on PATH"):
        small.build()
    (bare / "make").unlink()
    with pytest.raises(ToolchainError, match="no make on this machine"):
        small.build()


def test_a_program_that_the_sdk_does_not_have_is_refused_before_make(small: Sdk) -> None:
    """The nearest one is named."""
    with pytest.raises(ToolchainError, match="no source of sed/eta") as refused:
        small.build(small.job("sed/eta"))
    assert "did you mean sed/eat?" == refused.value.hint


def test_a_build_that_stands_still_is_stopped(small: Sdk) -> None:
    """A line that is repeated is no progress."""
    makefile = small.tree.opendla / "Makefile"
    recipe = "@while :; do echo waiting; sleep 0.05; done"
    makefile.write_text(f".PHONY: source/sed/eat\nsource/sed/eat:\n\t{recipe}\n")
    with pytest.raises(ToolchainError, match=r"made no progress for 0\.5 s"):
        small.build(small.job(stall_timeout_s=0.5))


def test_what_would_be_done_is_said_and_not_done(small: Sdk) -> None:
    """The plan holds the documented commands, and the clean where one is needed."""
    job = replace(small.job(), jobs=8)
    assert [f"cd {small.tree.opendla}", "make source/sed/eat -j8"] == build.plan(job).commands(job)
    assert not small.tree.out.exists()
    small.build()
    assert [] == build.plan(job).commands(job)
    small.write("arm")
    assert "make clean" in build.plan(job).commands(job)


def test_a_make_above_us_does_not_reach_the_sdks(small: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its flags come by the environment; `-n` among them would build nothing and end with 0."""
    monkeypatch.setenv("MAKEFLAGS", "n")
    assert small.build().fresh


def test_ctrl_c_stops_the_compilers_and_keeps_the_last_program(small: Sdk, tmp_path: Path) -> None:
    """Within seconds, with exit code 130; the next build finishes the job."""
    good = small.build(replace(small.job(), store=tmp_path / ".deploy" / "build")).path.read_bytes()
    (tmp_path / "deploy.yaml").write_text(f"sdk: {{dir: {small.root}}}\n")
    makefile = small.tree.opendla / "Makefile"
    whole = makefile.read_text()
    mark = tmp_path / "started"
    makefile.write_text(f".PHONY: source/sed/eat\nsource/sed/eat:\n\ttouch {mark}; exec sleep 987\n")
    words = [sys.executable, "-m", "deployer", "build", "sed/eat", "--config", str(tmp_path / "deploy.yaml")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        deadline = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=30)
    assert 130 == running.returncode, said.decode()
    assert good == (tmp_path / ".deploy" / "build" / "prog_sed_eat" / "prog_sed_eat").read_bytes()
    assert b"sleep\x00987\x00" not in list(_command_lines())
    makefile.write_text(whole)
    assert subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0


def test_two_projects_that_build_in_one_sdk_take_turns(small: Sdk, tmp_path: Path) -> None:
    """The second waits, says so, and finds the objects of the first."""
    heard: list[list[Event]] = [[], []]

    def run(index: int) -> bytes:
        job = replace(small.job(), store=tmp_path / f"store{index}")
        return build.build(job, emit=heard[index].append).path.read_bytes()

    with ThreadPoolExecutor() as pool, turn.alone(small.job(), step="build", emit=ignore):
        both = [pool.submit(run, index) for index in range(2)]
        deadline = time.monotonic() + 30
        while not all(any(isinstance(e, Warned) for e in h) for h in heard) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not small.tree.out.exists()
    assert both[0].result() == both[1].result()
    assert [0, 2] == sorted(sum(isinstance(e, Advanced) for e in each) for each in heard)


def test_an_sdk_that_cannot_be_written_says_so(small: Sdk) -> None:
    """A file of root's in out/, or a folder of another user's, is the usual cause."""
    small.tree.out.write_text("a file where the folder should be")
    with pytest.raises(ToolchainError, match="out cannot be written"):
        small.build()
    lock = small.tree.opendla / turn.NAME
    lock.unlink()
    lock.mkdir()
    with pytest.raises(ToolchainError, match="lock cannot be written"):
        small.build()


def _command_lines() -> Iterator[bytes]:
    """Of every process that is still there when it is looked at."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()


def test_a_blank_in_the_sdks_path_is_named_as_the_cause(tmp_path: Path) -> None:
    """Make cannot work below such a folder, and what it says of that helps nobody."""
    small = Sdk(root=tmp_path / "my sdk", store=tmp_path / "store").write("aarch64")
    with pytest.raises(ToolchainError) as refused:
        small.build()
    assert "apart at its blank" in refused.value.hint and "sdk.dir" in refused.value.hint

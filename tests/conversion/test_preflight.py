"""What is looked at before a run: each refused or warned of with its cure, and nothing written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from deployer import convert
from deployer.conversion import preflight
from deployer.conversion.preflight import Concern
from deployer.events import Event, Warned, ignore
from tests.toolchain import jobs
from tests.toolchain.containers import limits, needs_podman
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.runtime import Container, Mount
from toolchain_wrappers.standin.variants import Variant


def _concerns(
    folder: Path,
    variant: Variant = jobs.PUBLISHED,
    changes: Mapping[str, Any] | None = None,
    name: str = "tree",
) -> dict[str, Concern]:
    job = jobs.make(folder, variant, name=name, changes=changes)
    return {each.name: each for each in preflight.concerns(job.tools, chip=job.chip, store=job.store)}


def test_a_tree_in_order_is_no_concern(tmp_path: Path) -> None:
    """Silence where nothing is wrong."""
    assert {} == _concerns(tmp_path)


@pytest.mark.parametrize(
    ("changes", "fault", "cure"),
    [
        ({"needs": {"free_gib": 1e9, "cpu_flags": []}}, r"GiB are free at .*1e\+09", "free_gib"),
        ({"needs": {"cpu_flags": ["warp_drive"]}}, "CPU has no warp_drive.*Illegal instruction", "cpu_flags"),
        ({"versions": {"expected": "25121210"}}, "version unverified, .* expects 25121210", "tools_dir"),
    ],
)
def test_what_no_run_can_succeed_with_is_refused_before_anything_is_written(
    tmp_path: Path, changes: Mapping[str, Any], fault: str, cure: str
) -> None:
    """Disk, CPU, version: the fault, the key of the cure, and not one new file."""
    job = jobs.make(tmp_path, changes=changes)
    before = jobs.written(job)

    with pytest.raises(ToolchainError, match=fault) as caught:
        convert.convert(job, force=False, emit=ignore)
    assert cure in caught.value.hint
    assert before == jobs.written(job)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_tree_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    """Before the first file is written."""
    job = jobs.make(tmp_path)
    job.tree.algorithm_dir.chmod(0o555)
    try:
        found = list(preflight.concerns(job.tools, chip=job.chip, store=job.store))
    finally:
        job.tree.algorithm_dir.chmod(0o755)

    assert any(each.name == "write" and each.refused and "chown" in each.cure for each in found)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No traceback of the file system's."""
    job = jobs.make(tmp_path)
    job.data_dir.write_text("a file where a folder should be")

    with pytest.raises(ToolchainError, match="deploy_data: cannot be written") as caught:
        convert.convert(job, force=False, emit=ignore)
    assert "yours to write in" in caught.value.hint


def test_a_toolchain_of_another_generation_is_refused(tmp_path: Path) -> None:
    """An SDK S1 is maruko's; what is not known of a generation is no fault."""
    s1 = Variant(tools_name="SGS_IPU_SDK_vS1.0.9_verified_23051011")
    other = _concerns(tmp_path / "a", s1, {"chip_option": ""})
    unknown = _concerns(tmp_path / "b", Variant(tools_name="SGS_IPU_Toolchain_25111209-S21"))

    assert other["version"].refused and "made for maruko, not for pcupid" in other["version"].fault
    assert {} == unknown


def test_tools_for_one_chip_that_are_told_a_chip_are_warned_of(tmp_path: Path) -> None:
    """Their cure is the key of the profile; with it the concern is gone."""
    old = Variant(tools_name="SGS_IPU_SDK_v1.1.5_verified_21061809")
    found = _concerns(tmp_path / "a", old)["version"]

    assert not found.refused and "chip_option" in found.cure and "--soc_version" in found.fault
    assert {} == _concerns(tmp_path / "b", old, {"chip_option": ""})


@pytest.mark.parametrize(("name", "words"), [("a tree", "has a blank"), ("工具", "not ASCII hang")])
def test_paths_that_the_tools_stumble_over_are_warned_of(tmp_path: Path, name: str, words: str) -> None:
    """Blanks and names that are not ASCII: told with the key, and tried all the same."""
    found = _concerns(tmp_path, name=name)["path"]

    assert words in found.fault and "toolchain." in found.cure and not found.refused


def test_a_warning_is_told_once_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message holds fault and cure, for an event has no hint."""
    monkeypatch.setenv("LEVEL", "L1")
    seen: list[Event] = []
    job = jobs.make(tmp_path, name="a tree")
    convert.convert(job, force=False, emit=seen.append)

    told = [event.message for event in seen if isinstance(event, Warned)]
    assert 2 == len(told) and all("toolchain.mounts" in message for message in told)
    seen.clear()
    convert.convert(job, force=False, emit=seen.append)
    assert not any(isinstance(event, Warned) for event in seen)


def test_what_counts_is_the_path_inside_the_container(tmp_path: Path) -> None:
    """A mount gives a tree with a blank another name; an engine that is not there is named with its cure."""
    job = jobs.make(tmp_path, name="a tree")
    container = Container(
        engine="docker",
        image="sgs_docker:v1.8",
        mounts=(Mount(host=tmp_path / "a tree", inside=PurePosixPath("/work")),),
        program=str(tmp_path / "no such engine"),
    )
    tools = replace(job.tools, runtime=container)
    found = list(preflight.concerns(tools, chip="pcupid", store=job.store))

    assert ["image"] == [each.name for each in found]
    assert "sgs_docker:v1.8" in found[0].fault and "docker load" in found[0].cure


@needs_podman
def test_an_image_that_the_engine_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is pulled from anywhere: the vendor's image is in no registry."""
    monkeypatch.setenv("CONTAINERS_CONF", str(limits(tmp_path)))
    probe = Container(engine="podman", image="localhost/no-such-image:v9").probe()
    job = jobs.make(tmp_path)
    tools = replace(
        job.tools,
        runtime=Container(
            engine="podman",
            image="localhost/no-such-image:v9",
            mounts=(Mount(host=tmp_path, inside=PurePosixPath("/work")),),
        ),
    )

    (found,) = [each for each in preflight.concerns(tools, chip="pcupid", store=job.store) if each.refused]
    assert probe is not None and probe.fault in found.fault and "podman load" in found.cure


def test_a_rootfs_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By its path."""
    job = jobs.make(tmp_path)
    mount = Mount(host=tmp_path, inside=PurePosixPath("/work"))
    runtime = Container(engine="podman", rootfs=tmp_path / "gone", mounts=(mount,))
    found = list(preflight.concerns(replace(job.tools, runtime=runtime), chip="pcupid", store=job.store))

    assert "gone" in found[-1].fault and found[-1].refused


def test_the_flags_of_a_cpu_are_read_in_either_spelling(tmp_path: Path) -> None:
    """x86 and ARM name the line differently; a machine that says nothing has none."""
    for number, text in enumerate(["processor: 0\nflags\t\t: sse avx2\n", "Features\t: neon avx2\n", ""]):
        (tmp_path / str(number)).write_text(text)

    assert {"sse", "avx2"} == preflight.cpu_flags(tmp_path / "0")
    assert {"neon", "avx2"} == preflight.cpu_flags(tmp_path / "1")
    assert set() == preflight.cpu_flags(tmp_path / "2") == preflight.cpu_flags(tmp_path / "none")
    assert preflight.CPUINFO.exists() == bool(preflight.cpu_flags())

"""The stand-in SDK builds this project's own C programs, for both kinds of ARM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deployer import build, resources
from deployer.building import elf
from deployer.building.job import BuildJob
from deployer.events import ignore
from tests.building.compilers import needs_compilers
from toolchain_wrappers.sdk import profile
from toolchain_wrappers.sdk.tree import SdkTree
from toolchain_wrappers.standin import sdk
from toolchain_wrappers.standin.sdk import Arch

pytestmark = needs_compilers

EMULATORS = {"aarch64": "qemu-aarch64-static", "arm": "qemu-arm-static"}


@pytest.mark.parametrize("arch", sdk.COMPILERS)
def test_both_programs_build_without_a_warning_and_start(arch: Arch, tmp_path: Path) -> None:
    """Static, for the machine asked for; where user-mode emulation is there they print the vendor's usage."""
    sdk.make(tmp_path / "sdk", arch=arch)
    tree = SdkTree(root=tmp_path / "sdk", profile=profile.load(resources.configs_dir() / "toolchains"))
    for target in sdk.PROGRAMS.values():
        job = BuildJob(tree=tree, target=target, store=tmp_path / "store", jobs=2)
        program = build.build(job, emit=ignore).path
        binary = elf.inspect(program)
        assert (arch, None) == (binary.header.machine, binary.interpreter)
        assert "warning:" not in job.log.read_text(encoding="utf-8")
        if emulator := shutil.which(EMULATORS[arch]):
            said = subprocess.run(
                [emulator, program, "-h"], capture_output=True, text=True, timeout=60, check=False
            )
            assert f"./{job.name}" in said.stdout + said.stderr


def test_the_stand_in_builds_with_the_librarys_own_flags(tmp_path: Path) -> None:
    """Other flags would be other bits: those of board_runner/native's Makefile are taken from there."""
    sdk.make(tmp_path)
    flags = (tmp_path / "sdk/verify/opendla/source/common/flags.mk").read_text(encoding="utf-8")
    assert "-ffp-contract=off" in flags
    ran = subprocess.run(
        ["make", "--dry-run", "source/sed/eat"],
        cwd=tmp_path / "sdk/verify/opendla",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    compiles = [line for line in ran.stdout.splitlines() if " -c " in line]
    assert len(compiles) > 1
    for wanted in ("-ffp-contract=off", "-std=c11", "-Werror", "-O3", "-Isource/common/include"):
        assert all(wanted in line.split() for line in compiles), wanted

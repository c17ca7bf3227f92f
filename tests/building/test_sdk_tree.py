"""Paths, commands and configuration of an SDK."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployer import resources
from tests.building.conftest import Sdk
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sdk import defconfig, profile
from toolchain_wrappers.sdk.tree import program_name
from toolchain_wrappers.standin import sdk
from toolchain_wrappers.standin.sdk import SdkVariant


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("sed/eat", "prog_sed_eat"),
        ("dla/dla_simulator", "prog_dla_dla_simulator"),
        ("iford/dla/headpose_demo", "prog_dla_headpose_demo"),
        ("eat", "prog_eat"),
    ],
)
def test_a_program_is_called_by_its_last_two_folders(target: str, name: str) -> None:
    """As in the vendor's two documented cases."""
    assert name == program_name(target)


def test_the_commands_are_the_documented_ones(small: Sdk) -> None:
    """What a user would type in opendla and in project."""
    tree = small.tree
    assert small.root / "sdk/verify/opendla" == tree.opendla
    assert ["make", "source/sed/eat", "-j8"] == tree.make("sed/eat", jobs=8)
    assert ["make", "clean"] == tree.clean()
    assert ["dla/dla_simulator", "sed/eat"] == [
        each for each in tree.targets() if not each.startswith("common")
    ]


def test_a_profile_is_replaced_key_by_key() -> None:
    """What is a guess can be put right without a new release, and a wrong key is named."""
    folder = resources.configs_dir() / "toolchains"
    changed = profile.load(folder, {"config_files": [".myconfig"], "inputs": {"stamp": []}})
    assert (".myconfig",) == changed.config_files
    assert () == changed.inputs.stamp
    assert profile.load(folder).inputs.content == changed.inputs.content
    with pytest.raises(ToolchainError, match="opendle") as refused:
        profile.load(folder, {"opendle": "x"})
    assert "sdk.yaml" in refused.value.hint


def test_makefiles_and_kconfig_say_the_same() -> None:
    """Both kinds of configuration are read; comments, quotes, exports and blanks do not matter."""
    makefile = (
        "# CHIP = x\nexport CHIP := pcupid  # here\nTOOLCHAIN_REL=aarch64-linux-gnu\nbad line\nEMPTY =\n"
    )
    kconfig = 'CONFIG_CHIP="pcupid"\nCONFIG_TOOLCHAIN_REL="aarch64-linux-gnu"\n# no X\nCONFIG_EMPTY=""\n'
    assert {"CHIP": "pcupid", "TOOLCHAIN_REL": "aarch64-linux-gnu", "EMPTY": ""} == defconfig.assignments(
        makefile
    )
    assert defconfig.assignments(makefile) == defconfig.assignments(kconfig)


@pytest.mark.parametrize("seed", range(6))
def test_what_was_chosen_is_read_in_every_variant(seed: int, sdk_of: Callable[[SdkVariant], Sdk]) -> None:
    """Compiler and chip, wherever and however the SDK keeps them."""
    tree = sdk_of(sdk.by_seed(seed)).write("arm").tree
    chosen = defconfig.read(tree)
    assert chosen is not None
    assert "pcupid" == chosen.values["CHIP"]
    assert "arm-linux-gnueabihf-" == chosen.compiler(tree.profile.compiler_keys)


def test_another_defconfig_is_told_by_what_it_sets(small: Sdk) -> None:
    """Only a line that the configuration has otherwise is proof; one that it lacks is none."""
    tree = small.tree
    chosen = defconfig.read(tree)
    assert chosen is not None
    ours, other = (defconfig.named(tree, small.variant.defconfig(arch)) for arch in sdk.COMPILERS)
    assert ours is not None
    assert other is not None
    assert defconfig.contradicts(chosen, ours) is None
    assert "TOOLCHAIN_REL is aarch64-linux-gnu, not arm-linux-gnueabihf" == defconfig.contradicts(
        chosen, other
    )
    ours.write_text("CONFIG_SOMETHING_ELSE=y\n")
    assert defconfig.contradicts(chosen, ours) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Makefile:3: {root}/project/configs/current.configs: No such file or directory", "proven"),
        ("Makefile:3: ../../../project/configs/current.configs: No such file or directory", "proven"),
        ("make: *** No rule to make target '/work/sdk/project/.config'.  Stop.", "proven"),
        ("eat.c:1:10: fatal error: mi_ipu.h: No such file or directory", "possible"),
        ("cp: cannot stat '/home/me/.config': No such file or directory", "possible"),
        ("please choose a configuration first", "possible"),
    ],
)
def test_no_defconfig_is_asserted_only_when_make_missed_its_file(small: Sdk, line: str, said: str) -> None:
    """Anything else is a possibility, for an SDK may keep its choice elsewhere."""
    small.write(None)
    found = defconfig.unchosen(small.tree, [line.format(root=small.root)])
    assert found is not None
    assert said == found[0]


def test_with_a_defconfig_chosen_nothing_of_the_kind_is_said(small: Sdk) -> None:
    """Whatever the log says."""
    line = f"{small.root}/project/.config: No such file or directory"
    assert defconfig.unchosen(small.tree, [line]) is None


def test_a_tree_that_is_no_sdk_says_what_it_lacks(tmp_path: Path, small: Sdk) -> None:
    """The first thing missing is named."""
    assert [] == small.tree.missing()
    (small.root / "sdk/verify/opendla/Makefile").unlink()
    assert ["Makefile"] == [path.name for path in small.tree.missing()]
